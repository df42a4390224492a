import { createHmac } from "node:crypto";
import { compactVerify, importJWK, type JWK } from "jose";
import { publicPem, type SigningKey } from "../../../interop/trust/signing-key.ts";
import type { Wrap } from "./callee.ts";

/** Ways of being a wrong callee, each put before a right one. */

interface Body {
  action?: unknown;
  certs?: unknown;
  [member: string]: unknown;
}

interface Token {
  text: string;
  header: { alg?: string; kid?: string; jwk?: JWK };
  claims: Record<string, unknown>;
  signature: string;
  key: SigningKey;
}

/** Lets in requests whose Authorization header is so, whatever else is wrong with them. */
export function letsInHeader(isSo: (header: string | null, body: string) => boolean): Wrap {
  return (callee, { good }) =>
    async (request) => {
      const body = await request.clone().text();
      const isLetIn = isSo(request.headers.get("authorization"), body);
      return callee(isLetIn ? withHeader(request, body, await good()) : request);
    };
}

/** Lets in tokens that are so. */
export function letsIn(isSo: (token: Token) => boolean | Promise<boolean>): Wrap {
  return (callee, { key, good }) =>
    async (request) => {
      const token = readToken(request.headers.get("authorization"), key);
      const isLetIn = token !== undefined && (await isSo(token));
      return callee(isLetIn ? withHeader(request, await request.clone().text(), await good()) : request);
    };
}

function withHeader(request: Request, body: string, authorization: string): Request {
  const headers = new Headers(request.headers);
  headers.set("authorization", authorization);
  headers.delete("content-length");
  return new Request(request.url, {
    method: request.method,
    headers,
    ...(request.method === "GET" ? {} : { body }),
  });
}

function readToken(header: string | null, key: SigningKey): Token | undefined {
  const [, text = ""] = /^Bearer (\S+)$/.exec(header ?? "") ?? [];
  const [head = "", claims = "", signature = ""] = text.split(".");
  try {
    return {
      text,
      header: JSON.parse(Buffer.from(head, "base64url").toString()) as Token["header"],
      claims: JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>,
      signature,
      key,
    };
  } catch {
    return undefined;
  }
}

/** Whether the signature is the trusted key's, or (`jwk`) of the key that is told. */
export async function isSigned({ text, key }: Token, jwk: JWK = { ...key.publicJwk }): Promise<boolean> {
  return compactVerify(text, await importJWK(jwk, "ES256")).then(
    () => true,
    () => false,
  );
}

/** Takes the algorithm from the token, and the public key for whatever that takes. */
export function isHmacOfPublicKey({ text, header, signature, key }: Token): boolean {
  if (header.alg !== "HS256") return false;
  const signed = text.slice(0, text.lastIndexOf("."));
  return createHmac("sha256", publicPem(key)).update(signed).digest("base64url") === signature;
}

/** Answers some requests otherwise; nothing for those that the right callee answers. */
export function answers(how: (body: Body | string, request: Request) => Response | undefined): Wrap {
  return (callee) => async (request) => {
    const text = await request.clone().text();
    return how(parsed(text), request) ?? callee(request);
  };
}

function parsed(text: string): Body | string {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return text;
  }
}

/** Answers 200, as if it were right, to bodies that are so and that get 400 from a right callee. */
export function accepts(isSo: (body: Body | string) => boolean): Wrap {
  return (callee) => async (request) => {
    const body = parsed(await request.clone().text());
    const answer = await callee(request);
    return answer.status === 400 && isSo(body)
      ? Response.json({ action: "info", compatibilityVersion: 1 })
      : answer;
  };
}

export type WireEntry = Record<string, unknown> & { ref: string; status: string };

/** Changes the list of entries of an action, after the right callee has done its work. */
export function entries(
  action: "provision" | "status" | "deprovision",
  change: (entries: WireEntry[], body: { certs: { ref: string; cert: string }[] }) => unknown[],
): Wrap {
  return (callee) => async (request) => {
    const body = parsed(await request.clone().text());
    const answer = await callee(request);
    const fits = typeof body === "object" && body.action === action && Array.isArray(body.certs);
    if (!fits || answer.status !== 200) return answer;
    const list = (await answer.json()) as WireEntry[];
    return Response.json(change(list, body as { certs: { ref: string; cert: string }[] }));
  };
}

/** Changes each entry of an action. */
export function each(
  action: "provision" | "status" | "deprovision",
  change: (entry: WireEntry) => object,
): Wrap {
  return entries(action, (list) => list.map(change));
}
