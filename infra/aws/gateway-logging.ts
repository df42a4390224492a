import * as apigateway from "@pulumi/aws/apigateway/index.js";
import * as iam from "@pulumi/aws/iam/index.js";
import * as pulumi from "@pulumi/pulumi";
import { inRegion } from "./function.ts";
import type { AwsPlace } from "./place.ts";

/**
 * Lets API Gateway write logs, with the policy that AWS has for it (API Gateway tries the role out when it gets
 * it). That is one setting for all APIs of an account in a region, so it stays when the stack goes: to take it
 * away would silence the logs of others (docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html).
 * @returns what a stage with an access log must wait for
 */
export function gatewayLogging(
  name: string,
  args: {
    readonly place: AwsPlace;
    readonly region: string | undefined;
    readonly tags: Readonly<Record<string, string>>;
  },
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const lasting = pulumi.mergeOptions(opts, { retainOnDelete: true });
  const role = new iam.Role(
    `${name}-gateway-log`,
    {
      description: "Lets API Gateway write the logs of this account's APIs",
      assumeRolePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "apigateway.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      }),
      tags: { ...args.tags },
    },
    lasting,
  );
  const rights = new iam.RolePolicyAttachment(
    `${name}-gateway-log`,
    {
      role: role.name,
      policyArn: pulumi.interpolate`arn:${args.place.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs`,
    },
    lasting,
  );
  const account = new apigateway.Account(
    `${name}-gateway-log`,
    { cloudwatchRoleArn: role.arn, ...inRegion(args.region) },
    pulumi.mergeOptions(lasting, { dependsOn: [rights] }),
  );
  return [account];
}
