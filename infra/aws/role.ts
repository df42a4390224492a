import * as iam from "@pulumi/aws/iam/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { AwsPlace } from "./place.ts";
import { IOT_ACTIONS, type IotResource, TRACING_ACTIONS } from "./iot-actions.ts";

export interface RoleArgs {
  readonly place: AwsPlace;
  readonly logGroupArn: pulumi.Input<string>;
  readonly devicePolicyArn: pulumi.Input<string>;
  /** What every thing's name begins with; the part of the template before its first `<`. */
  readonly thingNamePrefix: string;
  readonly thingGroupPrefix: string;
  readonly tracing: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

interface Statement {
  Sid: string;
  Effect: "Allow";
  Action: string[];
  Resource: string[] | "*";
  Condition?: Record<string, Record<string, string | string[]>>;
}

const TRUSTS_LAMBDA = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

/** The role that the function runs as, with exactly the actions it uses on the resources it uses them on. */
export function functionRole(
  name: string,
  args: RoleArgs,
  opts: pulumi.CustomResourceOptions,
): { readonly role: iam.Role; readonly rights: iam.RolePolicy } {
  const role = new iam.Role(
    `${name}-function`,
    {
      description: "Runs the callee that takes device certificates into AWS IoT Core",
      assumeRolePolicy: TRUSTS_LAMBDA,
      tags: { ...args.tags },
    },
    opts,
  );
  const policy = pulumi
    .all([
      args.place.partition,
      args.place.region,
      args.place.accountId,
      args.logGroupArn,
      args.devicePolicyArn,
    ])
    .apply(([partition, region, accountId, logGroupArn, devicePolicyArn]) => {
      const iot = `arn:${partition}:iot:${region}:${accountId}`;
      return JSON.stringify({
        Version: "2012-10-17",
        Statement: statements({
          certificates: `${iot}:cert/*`,
          things: `${iot}:thing/${args.thingNamePrefix}*`,
          thingGroups: `${iot}:thinggroup/${args.thingGroupPrefix}*`,
          devicePolicy: devicePolicyArn,
          logStreams: `${logGroupArn}:log-stream:*`,
          tracing: args.tracing,
        }),
      });
    });
  const rights = new iam.RolePolicy(`${name}-function`, { role: role.id, policy }, opts);
  return { role, rights };
}

interface Arns {
  readonly certificates: string;
  readonly things: string;
  readonly thingGroups: string;
  readonly devicePolicy: string;
  readonly logStreams: string;
  readonly tracing: boolean;
}

function statements(arns: Arns): Statement[] {
  const byResource: Record<IotResource, string> = {
    anything: "*",
    certificates: arns.certificates,
    things: arns.things,
    "thing groups": arns.thingGroups,
    "device policy": arns.devicePolicy,
  };
  const bySet = new Map<string, { on: readonly IotResource[]; actions: string[] }>();
  for (const { action, on } of IOT_ACTIONS) {
    const entry = bySet.get(on.join()) ?? { on, actions: [] };
    entry.actions.push(action);
    bySet.set(on.join(), entry);
  }
  const iot = [...bySet.values()].map(({ on, actions }): Statement => {
    const words = on.flatMap((resource) => resource.split(" "));
    return {
      Sid: ["Iot", ...words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join(""),
      Effect: "Allow",
      Action: actions,
      Resource: on.includes("anything") ? "*" : on.map((resource) => byResource[resource]),
    };
  });
  return [
    ...iot,
    {
      Sid: "OwnLog",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: [arns.logStreams],
    },
    ...(arns.tracing
      ? [
          {
            Sid: "Traces",
            Effect: "Allow" as const,
            Action: [...TRACING_ACTIONS],
            Resource: "*" as const,
          },
        ]
      : []),
  ];
}
