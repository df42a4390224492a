import * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import * as lambda from "@pulumi/aws/lambda/index.js";
import * as pulumi from "@pulumi/pulumi";

/** A request that takes longer is answered by the gateway with 504: the function must be done before. */
export const GATEWAY_TIMEOUT_SECONDS = 29;

export interface FunctionArgs {
  readonly functionName: string;
  readonly code: pulumi.asset.Archive;
  readonly role: iam.Role;
  readonly rights: iam.RolePolicy;
  readonly logGroup: cloudwatch.LogGroup;
  readonly environment: Readonly<Record<string, pulumi.Input<string>>>;
  readonly memoryMiB: number;
  /** At most so many at once; undefined reserves nothing. */
  readonly reservedConcurrency: number | undefined;
  readonly tracing: boolean;
  readonly region: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** The function's log group, made before the function: else AWS makes one, and keeps all in it for ever. */
export function functionLog(
  name: string,
  args: Pick<FunctionArgs, "functionName" | "region" | "tags"> & { readonly retentionDays: number },
  opts: pulumi.CustomResourceOptions,
): cloudwatch.LogGroup {
  return new cloudwatch.LogGroup(
    `${name}-function`,
    {
      name: `/aws/lambda/${args.functionName}`,
      retentionInDays: args.retentionDays,
      ...inRegion(args.region),
      tags: { ...args.tags },
    },
    opts,
  );
}

/** The Lambda function that is the callee. */
export function interopFunction(
  name: string,
  args: FunctionArgs,
  opts: pulumi.CustomResourceOptions,
): lambda.Function {
  return new lambda.Function(
    `${name}-interop`,
    {
      name: args.functionName,
      description: "Takes device certificates into AWS IoT Core (Certferry)",
      runtime: lambda.Runtime.NodeJS24dX,
      architectures: ["arm64"],
      handler: "index.handler",
      code: args.code,
      role: args.role.arn,
      memorySize: args.memoryMiB,
      timeout: GATEWAY_TIMEOUT_SECONDS,
      ...(args.reservedConcurrency === undefined
        ? {}
        : { reservedConcurrentExecutions: args.reservedConcurrency }),
      loggingConfig: { logFormat: "JSON", logGroup: args.logGroup.name },
      environment: { variables: { ...args.environment } },
      tracingConfig: { mode: args.tracing ? "Active" : "PassThrough" },
      ...inRegion(args.region),
      tags: { ...args.tags },
    },
    // Without its rights its first requests would fail, and would be taken for failures of the cloud.
    pulumi.mergeOptions(opts, { dependsOn: [args.rights, args.logGroup] }),
  );
}

/** The property that puts a resource into another region than the provider's. */
export function inRegion(region: string | undefined): { region?: string } {
  return region === undefined ? {} : { region };
}
