import { createHmac } from "node:crypto";
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { AUTH_MESSAGES, BASIC_AUTH_MESSAGES } from "../protocol/messages.ts";
import { generateSigningKey, publicJwks, publicPem, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import { createGuard } from "./auth.ts";

const AUDIENCE = "123456789012";
const NOW = Date.parse("2026-11-05T10:00:00Z");
const now = (): number => NOW;
const seconds = NOW / 1000;

let key: SigningKey;
let stranger: SigningKey;
let jwks: JSONWebKeySet;

beforeAll(async () => {
  key = await generateSigningKey();
  stranger = await generateSigningKey();
  jwks = publicJwks([key]);
});

const guard = (authorization: string | undefined, keys: JSONWebKeySet = jwks, audience = AUDIENCE) =>
  createGuard({ kind: "bearer", keys, audience }, now)(authorization);

async function token(
  claims: { aud?: unknown; exp?: number; nbf?: number } = {},
  signer: SigningKey = key,
  header: object = { kid: signer.kid },
): Promise<string> {
  return new SignJWT({ aud: AUDIENCE, exp: seconds + 600, ...claims } as Record<string, unknown>)
    .setProtectedHeader({ alg: "ES256", ...header })
    .sign(signer.privateKey);
}

const base64url = (text: string): string => Buffer.from(text).toString("base64url");

describe("bearer authentication", () => {
  it("lets in a token of the account's key", async () => {
    expect(await guard(`Bearer ${await token()}`)).toBeUndefined();
    expect(await guard(`bearer ${await token({}, key, {})}`)).toBeUndefined();
    const source = new TokenSource({ key, issuer: "certferry", audience: AUDIENCE, clock: { now } });
    expect(await guard(`Bearer ${await source.token()}`)).toBeUndefined();
  });

  it("compares the audience without regard to case, as Azure does with subscription IDs", async () => {
    const subscription = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90";
    for (const aud of [subscription, subscription.toUpperCase()]) {
      const header = `Bearer ${await token({ aud })}`;
      expect(await guard(header, jwks, subscription)).toBeUndefined();
      expect(await guard(header, jwks, subscription.toUpperCase())).toBeUndefined();
      expect(await guard(header, jwks, subscription.replace("0f", "1f"))).toBe(AUTH_MESSAGES.notVerified);
    }
  });

  it("lets in each of several keys, named or not", async () => {
    const both = publicJwks([key, stranger]);
    expect(await guard(`Bearer ${await token({}, stranger)}`, both)).toBeUndefined();
    expect(await guard(`Bearer ${await token({}, stranger, {})}`, both)).toBeUndefined();
  });

  it.each([
    ["no header", undefined, AUTH_MESSAGES.missingHeader],
    ["an empty one", "", AUTH_MESSAGES.missingHeader],
    ["one word", "Bearer", AUTH_MESSAGES.notTwoWords],
    ["one word and a space", "Bearer ", AUTH_MESSAGES.notTwoWords],
    ["three words", "Bearer a b", AUTH_MESSAGES.notTwoWords],
    ["another scheme", "Basic dTpw", AUTH_MESSAGES.notBearer],
    ["no token", "Bearer x", AUTH_MESSAGES.notVerified],
    ["broken parts", "Bearer a.b.c", AUTH_MESSAGES.notVerified],
  ])("refuses %s", async (_what, header, message) => {
    expect(await guard(header)).toBe(message);
  });

  it("refuses when no key or no audience is configured", async () => {
    const header = `Bearer ${await token()}`;
    expect(await guard(header, { keys: [] })).toBe(AUTH_MESSAGES.noVerifier);
    expect(await guard(header, jwks, "")).toBe(AUTH_MESSAGES.noAudience);
    const broken = createGuard(
      { kind: "bearer", keys: () => Promise.reject(new Error("gone")), audience: AUDIENCE },
      now,
    );
    expect(await broken(header)).toBe(AUTH_MESSAGES.noVerifier);
  });

  it.each([
    ["of another account's key", () => token({}, stranger)],
    ["of another account's key under this one's id", () => token({}, stranger, { kid: key.kid })],
    ["of a key that is not in the set yet", () => token({}, stranger, {})],
    ["for another cloud", () => token({ aud: "999999999999" })],
    ["for several clouds", () => token({ aud: [AUDIENCE, "999999999999"] })],
    ["for nobody", () => token({ aud: undefined })],
    ["with a number for an audience", () => token({ aud: Number(AUDIENCE) })],
    ["that has expired", () => token({ exp: seconds - 1 })],
    ["that expires now", () => token({ exp: seconds })],
    [
      "that never expires",
      () => new SignJWT({ aud: AUDIENCE }).setProtectedHeader({ alg: "ES256" }).sign(key.privateKey),
    ],
    ["that is not valid yet", () => token({ nbf: seconds + 60 })],
  ])("refuses a token %s", async (_what, make) => {
    expect(await guard(`Bearer ${await make()}`)).toBe(AUTH_MESSAGES.notVerified);
  });

  it("refuses a token without a signature, and one signed with the public key as a secret", async () => {
    const payload = base64url(JSON.stringify({ aud: AUDIENCE, exp: seconds + 86_400 }));
    const none = `${base64url('{"alg":"none"}')}.${payload}.`;
    expect(await guard(`Bearer ${none}`)).toBe(AUTH_MESSAGES.notVerified);
    for (const secret of [publicPem(key), JSON.stringify(key.publicJwk), key.publicJwk.x]) {
      const signed = `${base64url(JSON.stringify({ alg: "HS256", kid: key.kid }))}.${payload}`;
      const hmac = createHmac("sha256", secret).update(signed).digest("base64url");
      expect(await guard(`Bearer ${signed}.${hmac}`)).toBe(AUTH_MESSAGES.notVerified);
    }
    const good = (await token()).split(".");
    expect(await guard(`Bearer ${good[0]}.${good[1]}.${"A".repeat(86)}`)).toBe(AUTH_MESSAGES.notVerified);
    expect(await guard(`Bearer ${good[0]}.${payload}.${good[2]}`)).toBe(AUTH_MESSAGES.notVerified);
  });

  it("trusts keys of its own kind only, whatever the set holds", async () => {
    const rsa = await generateKeyPair("RS256", { extractable: true });
    const odd = { keys: [{ kty: "oct", k: "c2VjcmV0" }, await exportJWK(rsa.publicKey)] };
    expect(await guard(`Bearer ${await token()}`, odd)).toBe(AUTH_MESSAGES.noVerifier);
    const mixed = { keys: [...odd.keys, { kty: "EC", crv: "P-256", x: "!", y: "!" }, ...jwks.keys] };
    expect(await guard(`Bearer ${await token({}, key, {})}`, mixed)).toBeUndefined();
    const byRsa = await new SignJWT({ aud: AUDIENCE, exp: seconds + 600 })
      .setProtectedHeader({ alg: "RS256" })
      .sign(rsa.privateKey);
    expect(await guard(`Bearer ${byRsa}`, mixed)).toBe(AUTH_MESSAGES.notVerified);
  });
});

describe("basic authentication", () => {
  const basic = createGuard({ kind: "basic", username: "ferry", password: "pä:ss" }, now);
  const header = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

  it.each([
    [header("ferry:pä:ss"), undefined],
    [header("ferry:pä:ss").replace("Basic", "basic"), undefined],
    [header("ferry:wrong"), BASIC_AUTH_MESSAGES.refused],
    [header("ferry:"), BASIC_AUTH_MESSAGES.refused],
    [header(""), BASIC_AUTH_MESSAGES.notBasic],
    ["Bearer x", BASIC_AUTH_MESSAGES.notBasic],
    [undefined, AUTH_MESSAGES.missingHeader],
  ])("%s gives %s", async (authorization, refusal) => {
    expect(await basic(authorization)).toBe(refusal);
  });
});
