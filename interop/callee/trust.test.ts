import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWK, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { AUTH_MESSAGES } from "../protocol/messages.ts";
import { createMemoryRegistry } from "../registries/memory.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import { createCallee } from "./app.ts";

/** Whom a callee trusts, as its callers see it: the answers to their requests. */
const AUDIENCE = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90";
const NOW = Date.parse("2026-11-05T10:00:00Z");
const seconds = NOW / 1000;

let old: SigningKey;
let next: SigningKey;

beforeAll(async () => {
  old = await generateSigningKey();
  next = await generateSigningKey();
});

/** What the callee that is given these keys answers to a request with this token. */
async function answerTo(
  token: string,
  keys: JSONWebKeySet | (() => Promise<JSONWebKeySet>),
  audience = AUDIENCE,
): Promise<string> {
  const auth = { kind: "bearer" as const, keys, audience };
  const registry = createMemoryRegistry({ flavor: "azure" });
  const app = createCallee({ registry, auth, now: () => NOW });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await app.request("/interop", { method: "POST", headers, body: '{"action":"info"}' });
  if (response.status === 200) return "in";
  const { error } = (await response.json()) as { error: string };
  return `${response.status} ${error}`;
}

const NOT_VERIFIED = `401 ${AUTH_MESSAGES.notVerified}`;
const NO_VERIFIER = `401 ${AUTH_MESSAGES.noVerifier}`;

const tokenOf = (key: SigningKey): Promise<string> =>
  new TokenSource({ key, issuer: "certferry", audience: AUDIENCE, clock: { now: () => NOW } }).token();

const signed = (key: SigningKey, claims: object = {}, header: object = { kid: key.kid }): Promise<string> =>
  new SignJWT({ aud: AUDIENCE, exp: seconds + 600, ...claims })
    .setProtectedHeader({ alg: "ES256", ...header })
    .sign(key.privateKey);

describe("an operator's key is exchanged", () => {
  it("without an outage: first the callee trusts both, then the caller changes, then the old one goes", async () => {
    const [byOld, byNext] = [await tokenOf(old), await tokenOf(next)];
    let keys = publicJwks([old]);
    const both = async (): Promise<string[]> => [
      await answerTo(byOld, () => Promise.resolve(keys)),
      await answerTo(byNext, () => Promise.resolve(keys)),
    ];
    expect(await both()).toEqual(["in", NOT_VERIFIED]);
    keys = publicJwks([next, old]);
    expect(await both()).toEqual(["in", "in"]);
    keys = publicJwks([next]);
    expect(await both()).toEqual([NOT_VERIFIED, "in"]);
  });

  it("with keys that share an id, each is tried", async () => {
    const keys = { keys: [old, next].map(({ publicJwk }) => Object.assign({}, publicJwk, { kid: "1" })) };
    for (const key of [old, next])
      expect(await answerTo(await signed(key, {}, { kid: "1" }), keys)).toBe("in");
    const stranger = await generateSigningKey();
    expect(await answerTo(await signed(stranger, {}, { kid: "1" }), keys)).toBe(NOT_VERIFIED);
  });
});

describe("a token", () => {
  it.each([
    ["issued a little ahead of the callee's clock", { iat: seconds + 59 }, "in"],
    ["issued in the future", { iat: seconds + 61 }, NOT_VERIFIED],
    ["valid from now on", { nbf: seconds }, "in"],
    ["not valid yet", { nbf: seconds + 1 }, NOT_VERIFIED],
    ["valid for a second more", { exp: seconds + 1 }, "in"],
    ["that has expired", { exp: seconds }, NOT_VERIFIED],
    ["for another cloud", { aud: AUDIENCE.replace("0f", "1f") }, NOT_VERIFIED],
    ["for this cloud and another", { aud: [AUDIENCE, "999999999999"] }, NOT_VERIFIED],
    ["for this cloud, in a list", { aud: [AUDIENCE] }, NOT_VERIFIED],
    ["with a text for an end", { exp: String(seconds + 600) }, NOT_VERIFIED],
    ["with a text for its issue", { iat: "yesterday" }, NOT_VERIFIED],
  ])("%s: %j", async (_what, claims, outcome) => {
    expect(await answerTo(await signed(old, claims), publicJwks([old]))).toBe(outcome);
  });

  it.each([
    ["an id that no key has", { kid: "unknown" }],
    ["an id that is no text", { kid: 7 }],
    ["the key that it is signed with in its header", { jwk: true }],
  ])("that names %s is refused unless its key is trusted", async (_what, header) => {
    const stranger = await generateSigningKey();
    const { jwk, ...rest } = header as { jwk?: boolean };
    const its = jwk === true ? { jwk: stranger.publicJwk } : rest;
    expect(await answerTo(await signed(stranger, {}, its), publicJwks([old]))).toBe(NOT_VERIFIED);
  });

  it("of a trusted key under an id that no key has is refused: the id says which key is meant", async () => {
    expect(await answerTo(await signed(old, {}, { kid: next.kid }), publicJwks([old]))).toBe(NOT_VERIFIED);
  });
});

describe("a key", () => {
  const changed = (more: object): JWK => ({ ...old.publicJwk, ...more });

  it.each([
    ["for encryption", () => changed({ use: "enc" })],
    ["for another algorithm", () => changed({ alg: "ES384" })],
    ["that may not verify", () => changed({ key_ops: ["deriveKey"] })],
    ["that is a secret", () => ({ kty: "oct", k: "c2VjcmV0", kid: old.kid })],
    ["of another curve", () => changed({ crv: "P-384" })],
    ["whose private half is in the set", async () => exportJWK(old.privateKey)],
  ])("%s is none to trust", async (_what, make) => {
    const odd = await make();
    expect(await answerTo(await signed(old), { keys: [odd] })).toBe(NO_VERIFIER);
    expect(await answerTo(await signed(old), { keys: [odd, next.publicJwk] })).toBe(NOT_VERIFIED);
    expect(await answerTo(await signed(next), { keys: [odd, next.publicJwk] })).toBe("in");
  });

  it("with nothing but its coordinates is one", async () => {
    const { kty, crv, x, y } = old.publicJwk;
    expect(await answerTo(await signed(old), { keys: [{ kty, crv, x, y }] })).toBe("in");
    expect(await answerTo(await signed(old), { keys: [changed({ key_ops: ["verify"] })] })).toBe("in");
  });

  it("of RSA verifies nothing, though the token asks for it", async () => {
    const rsa = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(rsa.publicKey)), kid: "rsa", use: "sig", alg: "RS256" };
    const token = await new SignJWT({ aud: AUDIENCE, exp: seconds + 600 })
      .setProtectedHeader({ alg: "RS256", kid: "rsa" })
      .sign(rsa.privateKey);
    expect(await answerTo(token, { keys: [jwk] })).toBe(NO_VERIFIER);
    expect(await answerTo(token, { keys: [jwk, old.publicJwk] })).toBe(NOT_VERIFIED);
  });
});

it("without keys or an audience nobody is let in, and the caller is told which is missing", async () => {
  const token = await tokenOf(old);
  expect(await answerTo(token, { keys: [] })).toBe(NO_VERIFIER);
  expect(await answerTo(token, () => Promise.reject(new Error("gone")))).toBe(NO_VERIFIER);
  expect(await answerTo(token, publicJwks([old]), "")).toBe(`401 ${AUTH_MESSAGES.noAudience}`);
});
