import type { HttpHandler, HttpRequest, HttpResponseInit } from "@azure/functions";
import { createCallee } from "../callee/app.ts";
import { managedIdentity } from "../registries/azure-iot-hub/managed-identity.ts";
import { createAzureIotHubRegistry } from "../registries/azure-iot-hub/registry.ts";
import type { FunctionLog } from "./azure-function-log.ts";
import { type FunctionSettings, readFunctionEnvironment } from "./azure-function-environment.ts";
import { EnvironmentFault } from "./environment.ts";

/**
 * The platform would wait for 230 s ("Azure Functions HTTP trigger"), but callers of the field give up after
 * 29 to 32 s, and with them goes what was done.
 */
const ANSWER_WITHIN_MS = 25_000;

/**
 * The callee as the handler of an HTTP trigger, on an IoT Hub. Reads its environment once; with a bad one it
 * answers 500 and says in its log what is wrong, instead of crashing before anybody can see why.
 */
export function createFunctionHandler(
  env: Readonly<Record<string, string | undefined>>,
  log: FunctionLog,
): HttpHandler {
  let answer: (request: HttpRequest) => Promise<HttpResponseInit>;
  try {
    answer = bridge(callee(readFunctionEnvironment(env), log));
  } catch (error) {
    const faults = error instanceof EnvironmentFault ? error.faults : [String(error)];
    answer = () => {
      log.error(
        { faults },
        "the function's environment is wrong: change these variables and deploy it again",
      );
      return Promise.resolve({ status: 500, jsonBody: { error: "The callee is not configured" } });
    };
  }
  return (request, context) => log.during(context, () => answer(request));
}

type Fetch = (request: Request) => Response | Promise<Response>;

function callee(settings: FunctionSettings, log: FunctionLog): Fetch {
  const { IOT_HUB_CALLS_PER_SECOND: identity, IOT_HUB_TWIN_CALLS_PER_SECOND: twin } = settings;
  const registry = createAzureIotHubRegistry({
    host: settings.IOT_HUB_HOST,
    names: settings.DEVICE_NAME_TEMPLATE,
    topic: settings.DEFAULT_TOPIC,
    twins: settings.IOT_HUB_TWINS === "true",
    callsPerSecond: {
      ...(identity === undefined ? {} : { identity }),
      ...(twin === undefined ? {} : { twin }),
    },
    credential: managedIdentity({
      endpoint: settings.IDENTITY_ENDPOINT,
      header: settings.IDENTITY_HEADER,
      ...(settings.AZURE_CLIENT_ID === undefined ? {} : { clientId: settings.AZURE_CLIENT_ID }),
    }),
    log,
  });
  const app = createCallee({
    registry,
    auth: { kind: "bearer", keys: settings.JWKS, audience: settings.AUDIENCE },
    answerWithinMs: ANSWER_WITHIN_MS,
    log,
  });
  return (request) => app.fetch(request);
}

/** From the runtime's request to the web's, and back. */
function bridge(fetch: Fetch): (request: HttpRequest) => Promise<HttpResponseInit> {
  return async ({ url, method, headers, body }) => {
    const web = new Request(url, {
      method,
      headers: new Headers([...headers.entries()]),
      ...(body === null ? {} : { body: body as ReadableStream, duplex: "half" as const }),
    });
    const response = await fetch(web);
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    };
  };
}
