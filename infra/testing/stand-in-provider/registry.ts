import type { Aws } from "./aws.ts";
import type { CheckedType } from "./resource-type.ts";
import { account, methodSettings, stage } from "./resources/api-gateway.ts";
import { role, rolePolicy, rolePolicyAttachment } from "./resources/iam.ts";
import { policy, thingType } from "./resources/iot.ts";
import { lambdaFunction, permission } from "./resources/lambda.ts";
import { logGroup } from "./resources/logs.ts";
import { deployment, integration, method, resource, restApi } from "./resources/rest-api.ts";
import type { Properties } from "./values.ts";

const TYPES = new Map<string, CheckedType>(
  [
    account,
    deployment,
    integration,
    lambdaFunction,
    logGroup,
    method,
    methodSettings,
    permission,
    policy,
    resource,
    restApi,
    role,
    rolePolicy,
    rolePolicyAttachment,
    stage,
    thingType,
  ].map((type) => [type.token, type]),
);

/** @throws Error when the stand-in does not know the type */
export function typeOf(token: string): CheckedType {
  const type = TYPES.get(token);
  if (type !== undefined) return type;
  throw new Error(
    `the provider that stands in for AWS's in tests does not know ${token}. Add it under ` +
      "infra/testing/stand-in-provider/resources, with the AWS calls that it stands for",
  );
}

/** The functions that a program may ask the provider. */
const FUNCTIONS = new Map<string, (aws: Aws) => Promise<Properties>>([
  [
    "aws:index/getCallerIdentity:getCallerIdentity",
    async (aws) => {
      const { accountId, arn, userId } = await aws.caller();
      return { id: accountId, accountId, arn, userId };
    },
  ],
  [
    "aws:index/getRegion:getRegion",
    async ({ region }) => ({
      id: region,
      region,
      name: region,
      description: region,
      endpoint: `ec2.${region}.amazonaws.com`,
    }),
  ],
  [
    "aws:index/getPartition:getPartition",
    async (aws) => {
      const partition = await aws.partition();
      const dnsSuffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
      return { id: partition, partition, dnsSuffix, reverseDnsPrefix: "com.amazonaws" };
    },
  ],
]);

/** @throws Error when the stand-in does not know the function, or was given arguments besides `region` */
export async function callFunction(aws: Aws, token: string, args: Properties): Promise<Properties> {
  const call = FUNCTIONS.get(token);
  const unknown = Object.keys(args).filter((name) => name !== "region");
  if (call === undefined || unknown.length > 0)
    throw new Error(
      `the provider that stands in for AWS's in tests does not know ${[token, ...unknown].join(" ")}. Add it in ` +
        "infra/testing/stand-in-provider/registry.ts",
    );
  return await call(aws);
}
