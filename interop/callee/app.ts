import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CAPABILITIES, type Capability } from "../protocol/capabilities.ts";
import { COMPATIBILITY_VERSION, MAX_REQUEST_BYTES, NOT_YET_IMPLEMENTED } from "../protocol/messages.ts";
import { type InteropRequest, readRequest, type Offers } from "../protocol/requests.ts";
import type { Registry } from "../registries/port.ts";
import { type CalleeAuth, createGuard } from "./auth.ts";
import { serveCertificates } from "./certificates-request.ts";

export type { CalleeAuth } from "./auth.ts";

/** Takes what the callee has to say to its operator; a pino logger fits. */
export interface CalleeLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface CalleeOptions {
  registry: Registry;
  auth: CalleeAuth;
  /** What comes before all routes, such as `/Prod` behind an API Gateway stage. */
  basePath?: string;
  /** What is offered beyond v1; all that the registry can do unless told. Empty: v1 to the letter. */
  capabilities?: readonly Capability[];
  /**
   * How long a request may take, in milliseconds; what is not done by then is answered as `OutOfTime`. Behind
   * a gateway that waits 29 s, less than that. A function is given Hono's `env` (a Lambda's context, say).
   */
  answerWithinMs?: number | ((env: unknown) => number);
  log?: CalleeLog;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/**
 * The receiving end of interop v1 as one HTTP application: `GET /`, `GET /auth`, `POST /interop`. Runs
 * wherever Hono does; it opens no connection of its own beyond what the registry does.
 */
export function createCallee(options: CalleeOptions): Hono {
  const { registry, log } = options;
  const now = options.now ?? Date.now;
  const guard = createGuard(options.auth, now);
  const offers = offersOf(registry, options.capabilities ?? CAPABILITIES);
  const root = new Hono({ strict: false });
  const app = options.basePath === undefined ? root : root.basePath(options.basePath);

  app.get("/", (c) => c.text("OK"));

  const authenticate: MiddlewareHandler = async (c, next) => {
    const refusal = await guard(c.req.header("authorization"));
    if (refusal === undefined) return next();
    log?.info({ refusal }, "request refused");
    return c.json({ error: refusal }, 401);
  };

  app.get("/auth", authenticate, (c) => c.text("OK"));

  app.post(
    "/interop",
    authenticate,
    bodyLimit({
      maxSize: MAX_REQUEST_BYTES,
      onError: (c) => c.json({ error: "request entity too large" }, 413),
    }),
    async (c) => {
      // The clock runs from the request's arrival: a large body takes its time, too.
      const due = deadline(options.answerWithinMs, c.env, c.req.raw.signal);
      const read = readBody(await c.req.text(), offers);
      if ("reasons" in read) return c.json({ error: read.reasons.join(", ") }, 400);
      return c.json(await act(read.request, due));
    },
  );

  async function act(request: InteropRequest, signal: AbortSignal): Promise<object> {
    if (request.action === "info") return info(offers);
    if (!("certs" in request)) return { action: request.action, message: NOT_YET_IMPLEMENTED };
    const entries = await serveCertificates(registry, request, now(), signal);
    const refused = entries.filter(({ status }) => status === "ERROR").length;
    log?.info({ action: request.action, certificates: request.certs.length, refused }, "answered");
    return entries;
  }

  root.notFound((c) => c.json({ error: "Not found" }, 404));
  root.onError((error, c) => {
    log?.error({ error: error.message }, "request failed");
    return c.json({ error: "Internal server error" }, 500);
  });
  return root;
}

/** What is asked for, as far as the registry can do it. */
function offersOf(registry: Registry, wanted: readonly Capability[]): Offers {
  const can: Readonly<Record<Capability, boolean>> = {
    batch: true,
    codes: true,
    status: registry.status !== undefined,
    deprovision: registry.deprovision !== undefined,
    "distinct-names": registry.distinctNames,
  };
  return new Set(wanted.filter((capability) => can[capability]));
}

function info(offers: Offers): object {
  const answer = { action: "info", compatibilityVersion: COMPATIBILITY_VERSION };
  return offers.size === 0 ? answer : { ...answer, capabilities: [...offers] };
}

function deadline(within: CalleeOptions["answerWithinMs"], env: unknown, signal: AbortSignal): AbortSignal {
  if (within === undefined) return signal;
  const ms = typeof within === "function" ? within(env) : within;
  return AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, Math.floor(ms)))]);
}

function readBody(text: string, offers: Offers): ReturnType<typeof readRequest> {
  try {
    return readRequest(JSON.parse(text), offers);
  } catch {
    return { reasons: ["the body is not valid JSON"] };
  }
}
