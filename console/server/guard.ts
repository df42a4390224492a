import type { Context, MiddlewareHandler } from "hono";
import { Problem } from "./problem.ts";

/** Of the pages: nothing from elsewhere, no script or style in the page itself, and nobody frames it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "manifest-src 'self'",
  "worker-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
];
/** The reader of QR codes is WebAssembly; the page that has it may compile that, and still no text. */
const POLICY_OF_SCANNER = POLICY.map((each) =>
  each.startsWith("script-src") ? `${each} 'wasm-unsafe-eval'` : each,
);

/** Headers that hold for every answer. */
export function headers(publicUrl: URL): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const set = (name: string, value: string): void => c.res.headers.set(name, value);
    const policy = c.req.path === "/cloud-id" ? POLICY_OF_SCANNER : POLICY;
    set("content-security-policy", policy.join("; "));
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "no-referrer");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(self), microphone=(), geolocation=(), payment=()");
    if (publicUrl.protocol === "https:") set("strict-transport-security", "max-age=31536000");
    if (!c.res.headers.has("cache-control")) set("cache-control", "no-store");
  };
}

/** Whoever comes by another name has been led here by somebody else's (DNS rebinding). */
export function onlyAsHost(publicUrl: URL): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.header("host") !== publicUrl.host) {
      throw new Problem(421, "WrongHost", `This console is at ${publicUrl.origin}.`);
    }
    await next();
  };
}

/** What is answered by a stream or by a file made for it would be made, and nobody would read it to its end. */
export function noHeadersAlone(): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method === "HEAD" && /^\/(?:api|auth)\//u.test(c.req.path))
      throw new Problem(405, "NotAllowed", "Ask for this with GET.");
    await next();
  };
}

/**
 * What changes something comes from a page of ours: browsers say where a request comes from, and no form or script of
 * another site can send JSON here without being asked first.
 */
export function ownPagesOnly(publicUrl: URL): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return await next();
    const origin = c.req.header("origin");
    const site = c.req.header("sec-fetch-site");
    const ours = origin === publicUrl.origin && (site === undefined || site === "same-origin");
    if (!ours) throw new Problem(403, "ForeignPage", "This request did not come from a page of the console.");
    if (!isJson(c)) throw new Problem(415, "NotJson", "Send JSON (content-type: application/json).");
    return await next();
  };
}

function isJson(c: Context): boolean {
  return /^application\/json\s*(;|$)/iu.test(c.req.header("content-type") ?? "");
}
