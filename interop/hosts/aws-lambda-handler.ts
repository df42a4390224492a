import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { createCallee } from "../callee/app.ts";
import type { IotClient } from "../registries/aws-iot/api.ts";
import { createIotClient } from "../registries/aws-iot/client.ts";
import { concurrencyFor } from "../registries/aws-iot/quotas.ts";
import { createAwsIotRegistry } from "../registries/aws-iot/registry.ts";
import { readLambdaEnvironment } from "./aws-lambda-environment.ts";
import { EnvironmentFault } from "./environment.ts";
import type { LambdaLog } from "./aws-lambda-log.ts";

/** An event of an API Gateway REST API with proxy integration, as far as it is read here. */
export type GatewayEvent = Extract<LambdaEvent, { resource: string }>;

export interface GatewayResult {
  statusCode: number;
  body: string;
  isBase64Encoded: boolean;
  headers?: Record<string, string | string[]> | undefined;
  multiValueHeaders?: Record<string, string[]> | undefined;
}

export type GatewayHandler = (event: GatewayEvent, context?: LambdaContext) => Promise<GatewayResult>;

/** API Gateway waits 29 s and then answers 504 itself, with nothing of what was done. */
const LONGEST_ANSWER_MS = 25_000;

/** Left of the function's time for making and sending the answer. */
const RESERVE_MS = 2000;

/**
 * The callee behind an API Gateway, on AWS IoT Core. Reads its environment once; with a bad one it answers 500
 * and says in its log what is wrong, instead of crashing before anybody can see why.
 */
export function createGatewayHandler(
  env: Readonly<Record<string, string | undefined>>,
  log: LambdaLog,
  client?: IotClient,
): GatewayHandler {
  const answer = createAnswer(env, log, client);
  return (event, context) => log.during(context?.awsRequestId, () => answer(event, context));
}

function createAnswer(
  env: Readonly<Record<string, string | undefined>>,
  log: LambdaLog,
  client: IotClient | undefined,
): GatewayHandler {
  try {
    const settings = readLambdaEnvironment(env);
    const { devicesPerSecond, policy, thingType, thingGroupPrefix, thingName, topic } = settings;
    const registry = createAwsIotRegistry({
      client: client ?? createIotClient({ connections: concurrencyFor(devicesPerSecond) }),
      thingName,
      topic,
      devicesPerSecond,
      ...(policy === undefined ? {} : { policy }),
      ...(thingType === undefined ? {} : { thingType }),
      ...(thingGroupPrefix === undefined ? {} : { thingGroupPrefix }),
      onFaults: (faults) => log.error({ faults }, "calls to AWS IoT failed"),
    });
    const app = createCallee({
      registry,
      auth: { kind: "bearer", keys: settings.jwks, audience: settings.audience },
      answerWithinMs,
      log,
    });
    const respond = handle(app);
    return (event, context) => respond({ ...event, path: routePath(event) }, context);
  } catch (error) {
    const faults = error instanceof EnvironmentFault ? error.faults : [String(error)];
    const complain = (): void =>
      log.error(
        { faults },
        "the function's environment is wrong: change these variables and deploy it again",
      );
    complain();
    return () => {
      complain();
      return Promise.resolve({
        statusCode: 500,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ error: "The callee is not configured" }),
        isBase64Encoded: false,
      });
    };
  }
}

/**
 * The path below whatever the API is mounted at (its stage, the base path of a domain of its own): the
 * gateway's resource says it, unless that is a pattern.
 */
export function routePath({ path, resource, pathParameters, requestContext }: GatewayEvent): string {
  const proxied = pathParameters?.["proxy"];
  if (proxied !== undefined) return `/${proxied}`;
  if (resource.startsWith("/") && !resource.includes("{")) return resource;
  const stage = `/${requestContext.stage}`;
  if (path !== stage && !path.startsWith(`${stage}/`)) return path;
  return path.slice(stage.length) || "/";
}

/** @param env what Hono's adapter hands on: the function's context among other things */
export function answerWithinMs(env: unknown): number {
  if (typeof env !== "object" || env === null || !("lambdaContext" in env)) return LONGEST_ANSWER_MS;
  const context = env.lambdaContext as Partial<LambdaContext> | undefined;
  const remaining = context?.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY;
  return Math.min(LONGEST_ANSWER_MS, remaining - RESERVE_MS);
}
