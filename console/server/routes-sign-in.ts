import { Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { KubeConfig } from "@kubernetes/client-node";
import { z } from "zod";
import type { OidcSignIn } from "../people/oidc.ts";
import type { Person } from "../people/person.ts";
import type { Sessions } from "../people/sessions.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import { personOfToken } from "../people/token-sign-in.ts";
import type { SignInWays } from "../views/wire.ts";
import { bodyOf, deadline } from "./context.ts";
import type { Ctx, Env } from "./context.ts";
import { Problem, problemOf } from "./problem.ts";
import type { RateLimit } from "./rate-limit.ts";

/** Somebody who needs not prove who they are: of demonstrations on one's own machine, never of an installation. */
export interface KnownPerson {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly person: Person;
}

export interface SignInOptions {
  readonly config: KubeConfig;
  readonly sessions: Sessions;
  readonly publicUrl: URL;
  readonly tokens: boolean;
  readonly oidc: OidcSignIn | undefined;
  readonly known: readonly KnownPerson[];
  readonly tries: RateLimit;
  readonly log: Logger;
  /** By which address tries are counted. */
  readonly addressOf: (c: Ctx) => string;
}

const tokenRequest = z.strictObject({ token: z.string().trim().min(1).max(16_384) });
const knownRequest = z.strictObject({ id: z.string().max(64) });

/** Cookies for this host alone, which no script reads. On https their name itself makes the browser hold that. */
export class Cookies {
  readonly #secure: boolean;

  constructor(publicUrl: URL) {
    this.#secure = publicUrl.protocol === "https:";
  }

  get session(): string {
    return this.#secure ? "__Host-certferry" : "certferry";
  }

  get state(): string {
    return this.#secure ? "__Host-certferry-sign-in" : "certferry-sign-in";
  }

  read(c: Ctx, name: string): string | undefined {
    return getCookie(c, name);
  }

  write(c: Ctx, name: string, value: string, maxAge?: number): void {
    setCookie(c, name, value, {
      httpOnly: true,
      secure: this.#secure,
      // Lax, not Strict: whoever scans a reel's code with the phone's camera comes from outside.
      sameSite: "Lax",
      path: "/",
      ...(maxAge === undefined ? {} : { maxAge }),
    });
  }

  remove(c: Ctx, name: string): void {
    deleteCookie(c, name, { path: "/", secure: this.#secure });
  }
}

/** Signing in, by whichever ways this console has. */
export function signInRoutes(o: SignInOptions, cookies: Cookies): Hono<Env> {
  const app = new Hono<Env>();
  const enter = (c: Ctx, person: Person, way: string): void => {
    o.log.info({ person: person.name, way, from: o.addressOf(c) }, "signed in");
    const before = cookies.read(c, cookies.session);
    if (before !== undefined) o.sessions.close(before);
    cookies.write(c, cookies.session, o.sessions.open(person));
  };
  const counted = (c: Ctx): void => {
    if (o.tries.take(o.addressOf(c))) return;
    throw new Problem(429, "TooManyTries", "That were many tries. Wait a moment, then try again.");
  };
  app.get("/api/sign-in", (c) => {
    const ways: SignInWays = {
      token: o.tokens,
      known: o.known.map(({ hint, id, label }) => ({ hint, id, label })),
      ...(o.oidc === undefined ? {} : { oidc: { label: o.oidc.options.label } }),
    };
    return c.json(ways);
  });
  app.post("/api/sign-in/token", async (c) => {
    counted(c);
    const { token } = await bodyOf(c, tokenRequest);
    if (!o.tokens) throw new Problem(404, "NotFound", "This console takes no tokens.");
    enter(c, await personOfToken(o.config, token, deadline(c)), "token");
    return c.json({});
  });
  app.post("/api/sign-in/known", async (c) => {
    counted(c);
    const { id } = await bodyOf(c, knownRequest);
    const known = o.known.find((each) => each.id === id);
    if (known === undefined) throw new Problem(404, "NotFound", "There is nobody of that name.");
    enter(c, known.person, "known");
    return c.json({});
  });
  app.get("/auth/oidc/*", async (c, next) => {
    await next();
    // A person on the way is led to the page that says what went wrong.
    if (c.error === undefined || c.req.header("accept")?.includes("text/html") !== true) return;
    const { code, status } = problemOf(c.error);
    o.log.info({ code, status, from: o.addressOf(c) }, "a sign-in has failed");
    c.res = c.redirect(`/?sign-in=${code}`, 302);
  });
  app.get("/auth/oidc/start", async (c) => {
    counted(c);
    if (o.oidc === undefined) throw new Problem(404, "NotFound", "This console has no sign-in provider.");
    const { state, url } = await o.oidc.begin(ownPath(c.req.query("return")));
    cookies.write(c, cookies.state, state, 600);
    return c.redirect(url.href, 302);
  });
  app.get("/auth/oidc/callback", async (c) => {
    counted(c);
    if (o.oidc === undefined) throw new Problem(404, "NotFound", "This console has no sign-in provider.");
    const state = cookies.read(c, cookies.state);
    cookies.remove(c, cookies.state);
    const query = new URL(c.req.url).searchParams;
    const { person, returnTo } = await o.oidc.finish(query, state);
    enter(c, person, "oidc");
    return c.redirect(returnTo, 302);
  });
  app.post("/api/sign-out", (c) => {
    const name = cookies.read(c, cookies.session);
    if (name !== undefined) o.sessions.close(name);
    cookies.remove(c, cookies.session);
    return c.json({});
  });
  return app;
}

/** A path of this console, and of no other site. */
function ownPath(wanted: string | undefined): string {
  return wanted !== undefined && /^\/(?![/\\])[\w\-/?=&.%]*$/u.test(wanted) ? wanted : "/";
}
