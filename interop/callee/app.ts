import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { COMPATIBILITY_VERSION, MAX_REQUEST_BYTES, NOT_YET_IMPLEMENTED } from "../protocol/messages.ts";
import { type InteropRequest, readRequest } from "../protocol/requests.ts";
import type { Registry } from "../registries/port.ts";
import { type CalleeAuth, createGuard } from "./auth.ts";
import { provision } from "./provision.ts";

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
      const read = readBody(await c.req.text());
      if ("reasons" in read) return c.json({ error: read.reasons.join(", ") }, 400);
      return c.json(await act(read.request, c.req.raw.signal));
    },
  );

  async function act(request: InteropRequest, signal: AbortSignal): Promise<object> {
    if (request.action === "info") return { action: "info", compatibilityVersion: COMPATIBILITY_VERSION };
    if (request.action !== "provision") return { action: request.action, message: NOT_YET_IMPLEMENTED };
    const entries = await provision(registry, request.certs, now(), signal);
    const refused = entries.filter(({ status }) => status === "ERROR").length;
    log?.info({ certificates: request.certs.length, refused }, "provisioned");
    return entries;
  }

  root.notFound((c) => c.json({ error: "Not found" }, 404));
  root.onError((error, c) => {
    log?.error({ error: error.message }, "request failed");
    return c.json({ error: "Internal server error" }, 500);
  });
  return root;
}

function readBody(text: string): ReturnType<typeof readRequest> {
  try {
    return readRequest(JSON.parse(text));
  } catch {
    return { reasons: ["the body is not valid JSON"] };
  }
}
