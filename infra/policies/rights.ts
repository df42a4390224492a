import { ACTIONS_WITHOUT_RESOURCE } from "../aws/iot-actions.ts";
import { type Document, documentsOf, type Statement } from "./documents.ts";
import { isProps, type Rule } from "./rule.ts";

/** Policies of AWS's own that a role may get: each read, and found to allow what the role is for. */
const MANAGED_POLICIES = new Set(["service-role/AmazonAPIGatewayPushToCloudWatchLogs"]);

const OWN_NAME = "${iot:Connection.Thing.ThingName}";

const allowing = ({ statements }: Document): Statement[] =>
  (statements ?? []).filter(({ effect }) => effect !== "Deny");

export const noWildcardActions: Rule = {
  name: "no-wildcard-actions",
  description: "Rights in IAM and AWS IoT name each action that they allow.",
  *check(type, props) {
    if (type === "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
      yield* managedPolicy(props["policyArn"]);
    for (const document of documentsOf(type, props)) {
      if (document.statements === undefined) yield "is no policy document that can be read: give JSON";
      for (const { actions, notActions, notResources } of allowing(document)) {
        for (const action of actions) {
          if (/[*?]/.test(action)) yield `allows ${action}: name the actions that are used`;
        }
        if (notActions.length > 0) yield "allows all but some actions (NotAction): name those that are used";
        if (notResources.length > 0)
          yield "allows all but some resources (NotResource): name those that are used";
      }
    }
  },
};

function managedPolicy(arn: unknown): string[] {
  const name = /^arn:[^:]+:iam::aws:policy\/(.+)$/.exec(String(arn))?.[1];
  if (name === undefined || MANAGED_POLICIES.has(name)) return [];
  return [`gives a role AWS's policy ${name}, which allows more than is used: write the rights out`];
}

export const noWildcardResources: Rule = {
  name: "no-wildcard-resources",
  description:
    "Rights name what they are for; `*` alone is taken only for actions that support nothing else.",
  *check(type, props) {
    for (const document of documentsOf(type, props)) {
      for (const { actions, resources } of allowing(document)) {
        const wide = resources.filter((resource) => isWide(document.kind, resource));
        const narrowable = actions.filter(
          (action) => document.kind === "iot" || !ACTIONS_WITHOUT_RESOURCE.includes(action),
        );
        if (wide.length === 0 || narrowable.length === 0) continue;
        yield `allows ${narrowable.join(", ")} on ${wide.join(", ")}: name the resources, at least their kind`;
      }
    }
  },
};

/** Whether it leaves open the service, the place, or all of what is there; for devices also whose it is. */
function isWide(kind: Document["kind"], resource: string): boolean {
  const [arn, partition, service, region, account, ...rest] = resource.split(":");
  if (arn !== "arn") return true;
  if ([partition, service, region, account].some((part) => part?.includes("*") === true)) return true;
  const name = rest.join(":");
  if (/^[*?]+$/.test(name)) return true;
  return kind === "iot" && /^[a-z]+\/[^$]*\*/.test(name) && !name.includes(OWN_NAME);
}

export const devicesActForThemselves: Rule = {
  name: "devices-act-for-themselves",
  description: "A device connects as the thing that its certificate is attached to, and as no other.",
  *check(type, props) {
    if (type !== "aws:iot/policy:Policy") return;
    for (const document of documentsOf(type, props)) {
      for (const { actions, condition, resources } of allowing(document)) {
        if (!actions.includes("iot:Connect")) continue;
        const bool = isProps(condition["Bool"]) ? condition["Bool"] : {};
        if ([bool["iot:Connection.Thing.IsAttached"]].flat().join() !== "true") {
          yield "lets a certificate connect that is attached to no thing: set iot:Connection.Thing.IsAttached";
        }
        if (!resources.every((resource) => resource.endsWith(`:client/${OWN_NAME}`))) {
          yield `lets a device connect under any client ID: allow client/${OWN_NAME} only`;
        }
      }
    }
  },
};
