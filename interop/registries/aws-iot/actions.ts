/** What an action of AWS IoT is allowed on. */
export type IotResource = "anything" | "certificates" | "things" | "thing groups" | "device policy";

export interface IotAction {
  readonly action: `iot:${string}`;
  /**
   * The resource types that AWS checks, by its service authorization reference
   * (docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html, 2026). `anything`: it names
   * none for the action, so that IAM takes `*` only.
   */
  readonly on: readonly IotResource[];
}

/**
 * Every action of AWS IoT that this registry calls, and no other (a test holds the list against the calls). The
 * role that it runs as is made from this.
 */
export const IOT_ACTIONS: readonly IotAction[] = [
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
  { action: "iot:DescribeThingGroup", on: ["thing groups"] },
  { action: "iot:DeleteThingGroup", on: ["thing groups"] },
  { action: "iot:ListThingsInThingGroup", on: ["thing groups"] },
  { action: "iot:AddThingToThingGroup", on: ["things", "thing groups"] },
  { action: "iot:RemoveThingFromThingGroup", on: ["things", "thing groups"] },
];
