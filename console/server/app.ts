import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ManifestOptions } from "../actions/manifest.ts";
import { batchId } from "../actions/names.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import { rightsIn } from "../people/accounts.ts";
import type { Accounts } from "../people/accounts.ts";
import { qrPng, qrSvg } from "../qr/label.ts";
import type { Me } from "../views/wire.ts";
import { accountOf, deadline } from "./context.ts";
import type { Ctx, Env } from "./context.ts";
import { headers, noHeadersAlone, onlyAsHost, ownPagesOnly } from "./guard.ts";
import type { Pages } from "./pages.ts";
import { Problem, problemOf } from "./problem.ts";
import type { RateLimit } from "./rate-limit.ts";
import { batchRoutes } from "./routes-batches.ts";
import { cloudRoutes, provisioningRoutes } from "./routes-clouds.ts";
import { Cookies, signInRoutes } from "./routes-sign-in.ts";
import type { SignInOptions } from "./routes-sign-in.ts";

export interface AppOptions extends SignInOptions {
  readonly accounts: Accounts;
  /** What reels' QR codes lead to; the console's own address by default. */
  readonly qrBase: URL;
  readonly pages: Pages;
  readonly requests: RateLimit;
  readonly manifests: ManifestOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The largest is a form with a bundle of certificates. */
const MAX_BODY = 256 * 1024;

/** The console's server: pages, sign-in, and what the pages ask for, each request as the person who is signed in. */
export function createApp(o: AppOptions): Hono<Env> {
  const app = new Hono<Env>();
  const cookies = new Cookies(o.publicUrl);
  app.onError((error, c) => {
    const problem = problemOf(error);
    // The cluster does not know the person any more: then the console does not either.
    const name: string | undefined = (c as Ctx).get("sessionName");
    if (problem.status === 401 && name !== undefined) o.sessions.close(name);
    return answer(c as Ctx, problem, error, o.log);
  });
  app.notFound((c) => c.json(new Problem(404, "NotFound", "There is nothing here.").body, 404));

  app.use(headers(o.publicUrl));
  app.get("/healthz", (c) => c.text("ok\n"));
  app.use(onlyAsHost(o.publicUrl));
  app.use(async (c, next) => {
    if (!o.requests.take(o.addressOf(c))) {
      throw new Problem(429, "TooManyRequests", "That were many requests at once. Wait a moment.");
    }
    await next();
  });
  app.use(noHeadersAlone());
  app.use(ownPagesOnly(o.publicUrl));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY,
      onError: () => {
        throw new Problem(413, "TooLarge", "The request is too large.");
      },
    }),
  );
  app.route("/", signInRoutes(o, cookies));
  app.use("/api/*", async (c, next) => {
    const name = cookies.read(c, cookies.session);
    const session = o.sessions.find(name);
    if (name === undefined || session === undefined) throw new Problem(401, "SignedOut", "Sign in first.");
    c.set("session", session);
    c.set("sessionName", name);
    await next();
  });
  app.get("/api/me", async (c) => {
    const { person, rights } = c.get("session");
    const me: Me = { name: person.name, accounts: await o.accounts.of(rights, deadline(c)) };
    return c.json(me);
  });
  app.get("/api/accounts/:account/rights", async (c) =>
    c.json(await rightsIn(c.get("session").rights, accountOf(c), deadline(c))),
  );
  app.route("/api/accounts/:account/batches", batchRoutes(o.clock, o.manifests));
  app.route("/api/accounts/:account/clouds", cloudRoutes(o.log));
  app.route("/api/accounts/:account/provisioning", provisioningRoutes());
  app.get("/api/qr/:file", (c) => qr(c, o.qrBase));
  app.all("/api/*", (c) => c.notFound());
  app.get("*", (c) => o.pages.serve(c));
  return app;
}

function qr(c: Ctx, base: URL): Response {
  const { id, kind } = /^(?<id>.+)\.(?<kind>png|svg)$/u.exec(c.req.param("file") ?? "")?.groups ?? {};
  const parsed = batchId.safeParse(id);
  if (!parsed.success) throw new Problem(404, "NotFound", "That is no batch ID, as D001.png is one.");
  if (kind === "svg") return c.body(qrSvg(base, parsed.data), 200, { "content-type": "image/svg+xml" });
  return c.body(new Uint8Array(qrPng(base, parsed.data)), 200, { "content-type": "image/png" });
}

function answer(c: Ctx, problem: Problem, error: unknown, log: Logger): Response {
  const what = { method: c.req.method, path: c.req.path, status: problem.status };
  if (problem.status === 500) log.error({ err: error, ...what }, "a request has failed");
  else if (problem.status >= 500) log.warn({ err: error, ...what }, "the cluster did not do what was asked");
  return c.json(problem.body, problem.status, {
    "content-type": "application/problem+json",
    // What was too large has not been read to its end, so the connection is of no more use.
    ...(problem.status === 413 ? { connection: "close" } : {}),
  });
}
