import { createHash } from "node:crypto";
import * as apigateway from "@pulumi/aws/apigateway/index.js";
import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import * as lambda from "@pulumi/aws/lambda/index.js";
import * as pulumi from "@pulumi/pulumi";
import { GATEWAY_TIMEOUT_SECONDS, inRegion } from "./function.ts";

export interface GatewayArgs {
  /** What the API is called in AWS. */
  readonly apiName: string;
  readonly function: lambda.Function;
  readonly stage: string;
  readonly accessLog: cloudwatch.LogGroup;
  /** What must be there before the access log can be switched on. */
  readonly logging: readonly pulumi.Resource[];
  /** Requests a second, and how many at once above that. */
  readonly rate: number;
  readonly burst: number;
  readonly tracing: boolean;
  readonly region: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

interface Route {
  readonly method: "GET" | "POST";
  /** Under the stage; empty is the stage itself. */
  readonly path: "" | "auth" | "interop";
}

/** All that the callee answers (docs/interop.md). Whoever may come in is decided by the callee, from the token. */
export const ROUTES: readonly Route[] = [
  { method: "GET", path: "" },
  { method: "GET", path: "auth" },
  { method: "POST", path: "interop" },
];

/** No token, no body: who called when, what was answered, and how long it took. */
const ACCESS_LOG_FORMAT = JSON.stringify({
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  method: "$context.httpMethod",
  path: "$context.resourcePath",
  status: "$context.status",
  integrationStatus: "$context.integrationStatus",
  latencyMs: "$context.responseLatency",
  responseBytes: "$context.responseLength",
  error: "$context.error.message",
});

/**
 * TLS 1.2 with forward secrecy, or 1.3, at the API's own address (docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html).
 * What an API gets that says nothing takes TLS 1.0.
 */
const SECURITY_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09";

/** The regional REST API in front of the function: three routes, throttled, with an access log. */
export function gateway(
  name: string,
  args: GatewayArgs,
  opts: pulumi.CustomResourceOptions,
): { readonly api: apigateway.RestApi; readonly stage: apigateway.Stage } {
  const region = inRegion(args.region);
  const tags = { ...args.tags };
  const api = new apigateway.RestApi(
    name,
    {
      name: args.apiName,
      description: "Where Certferry's operator brings device certificates to",
      endpointConfiguration: { types: "REGIONAL" },
      securityPolicy: SECURITY_POLICY,
      endpointAccessMode: "BASIC",
      ...region,
      tags,
    },
    opts,
  );
  const integrations = ROUTES.map((route) => integrated(name, route, api, args, opts));
  new lambda.Permission(
    `${name}-gateway`,
    {
      action: "lambda:InvokeFunction",
      function: args.function.name,
      principal: "apigateway.amazonaws.com",
      sourceArn: pulumi.interpolate`${api.executionArn}/*`,
      ...region,
    },
    opts,
  );
  const deployment = new apigateway.Deployment(
    name,
    {
      restApi: api.id,
      // A stage shows what was deployed, not what the API says now: another set of routes is another deployment.
      triggers: {
        routes: createHash("sha256")
          .update(JSON.stringify([ROUTES, GATEWAY_TIMEOUT_SECONDS]))
          .digest("hex"),
      },
      ...region,
    },
    pulumi.mergeOptions(opts, { dependsOn: integrations }),
  );
  const stage = new apigateway.Stage(
    name,
    {
      restApi: api.id,
      deployment: deployment.id,
      stageName: args.stage,
      accessLogSettings: { destinationArn: args.accessLog.arn, format: ACCESS_LOG_FORMAT },
      xrayTracingEnabled: args.tracing,
      ...region,
      tags,
    },
    pulumi.mergeOptions(opts, { dependsOn: [...args.logging] }),
  );
  new apigateway.MethodSettings(
    name,
    {
      restApi: api.id,
      stageName: stage.stageName,
      methodPath: "*/*",
      settings: {
        throttlingRateLimit: args.rate,
        throttlingBurstLimit: args.burst,
        // Metrics of each method are paid for, those of the whole API are not.
        metricsEnabled: false,
        // The execution log writes headers down, and with them tokens. The access log is enough.
        loggingLevel: "OFF",
        dataTraceEnabled: false,
      },
      ...region,
    },
    opts,
  );
  return { api, stage };
}

function integrated(
  name: string,
  route: Route,
  api: apigateway.RestApi,
  args: GatewayArgs,
  opts: pulumi.CustomResourceOptions,
): apigateway.Integration {
  const region = inRegion(args.region);
  const label = `${name}-${route.path === "" ? "root" : route.path}`;
  const resourceId =
    route.path === ""
      ? api.rootResourceId
      : new apigateway.Resource(
          label,
          { restApi: api.id, parentId: api.rootResourceId, pathPart: route.path, ...region },
          opts,
        ).id;
  const method = new apigateway.Method(
    label,
    { restApi: api.id, resourceId, httpMethod: route.method, authorization: "NONE", ...region },
    opts,
  );
  return new apigateway.Integration(
    label,
    {
      restApi: api.id,
      resourceId,
      httpMethod: method.httpMethod,
      type: "AWS_PROXY",
      integrationHttpMethod: "POST",
      uri: args.function.invokeArn,
      timeoutMilliseconds: GATEWAY_TIMEOUT_SECONDS * 1000,
      ...region,
    },
    opts,
  );
}
