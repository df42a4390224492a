/** What a statement of the function's role may name as its resource. */
export type IotResource = "anything" | "certificates" | "things" | "thing groups" | "device policy";

export interface IotAction {
  readonly action: string;
  /**
   * All that the action must be allowed on, by AWS's service authorization reference for AWS IoT
   * (docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html, as of September 2026).
   * `anything` stands where that page names no resource type: only `*` is taken there.
   */
  readonly on: readonly IotResource[];
}

/**
 * Every action of AWS IoT that the callee uses (`interop/registries/aws-iot/`), and nothing else. A new call
 * there is denied until its action is in this list.
 */
export const IOT_ACTIONS: readonly IotAction[] = [
  // It makes the certificate's ID, so that there is nothing to name yet: the reference gives no resource type.
  { action: "iot:RegisterCertificateWithoutCA", on: ["anything"] },
  { action: "iot:DescribeEndpoint", on: ["anything"] },
  { action: "iot:ListAttachedPolicies", on: ["anything"] },

  { action: "iot:DescribeCertificate", on: ["certificates"] },
  { action: "iot:UpdateCertificate", on: ["certificates"] },
  { action: "iot:DeleteCertificate", on: ["certificates"] },
  { action: "iot:AttachPolicy", on: ["certificates"] },
  { action: "iot:DetachPolicy", on: ["certificates"] },
  { action: "iot:AttachThingPrincipal", on: ["certificates"] },
  { action: "iot:DetachThingPrincipal", on: ["certificates"] },
  { action: "iot:ListPrincipalThings", on: ["certificates"] },

  { action: "iot:CreateThing", on: ["things"] },
  { action: "iot:DescribeThing", on: ["things"] },
  { action: "iot:UpdateThing", on: ["things"] },
  { action: "iot:DeleteThing", on: ["things"] },
  { action: "iot:ListThingPrincipals", on: ["things"] },

  { action: "iot:GetPolicy", on: ["device policy"] },

  { action: "iot:CreateThingGroup", on: ["thing groups"] },
  { action: "iot:AddThingToThingGroup", on: ["things", "thing groups"] },
  { action: "iot:RemoveThingFromThingGroup", on: ["things", "thing groups"] },
];

/**
 * The actions of the role that AWS lets no one narrow to a resource: those above, and X-Ray's two
 * (list_awsx-ray.html). The policy pack takes the resource `*` for these only.
 */
export const ACTIONS_WITHOUT_RESOURCE: readonly string[] = [
  ...IOT_ACTIONS.filter(({ on }) => on.includes("anything")).map(({ action }) => action),
  "xray:PutTraceSegments",
  "xray:PutTelemetryRecords",
];
