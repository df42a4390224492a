import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { JwksFault, LONGEST_JWKS, trustedJwks } from "./jwks.ts";

const keysOf = (jwks: string): Record<string, unknown>[] =>
  (JSON.parse(jwks) as { keys: Record<string, unknown>[] }).keys;

function faultOf(text: string): string {
  try {
    trustedJwks(text);
  } catch (error) {
    if (error instanceof JwksFault) return error.message;
    throw error;
  }
  return "";
}

describe("the keys that a product cloud trusts", () => {
  it("are taken as they are published, several at once, and nothing else of the text with them", () => {
    const jwks = JSON.stringify({
      keys: keysOf(freshJwks(2)).map((key, index) => Object.assign(key, { kid: `k${index}`, note: "ours" })),
      comment: "acme",
    });
    const trusted = keysOf(trustedJwks(jwks));
    expect(trusted.map((key) => Object.keys(key).sort().join())).toEqual(
      Array(2).fill("alg,crv,kid,kty,use,x,y"),
    );
    expect(trusted.map(({ kid, x }) => [kid, x])).toEqual(keysOf(jwks).map(({ kid, x }) => [kid, x]));
  });

  it("give the same text however they are written", () => {
    const jwks = freshJwks(2);
    const other = JSON.stringify(
      { keys: keysOf(jwks).map((key) => Object.fromEntries(Object.entries(key).reverse())) },
      undefined,
      4,
    );
    expect(trustedJwks(other)).toBe(trustedJwks(jwks));
  });

  it("hold no private key: the refusal says what to do and repeats nothing", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = privateKey.export({ format: "jwk" });
    const fault = faultOf(JSON.stringify({ keys: [...keysOf(freshJwks()), jwk] }));
    expect(fault).toContain("key 2 is a PRIVATE key");
    expect(fault).toContain("replace the key");
    expect(fault).not.toContain(String(jwk.d));
  });

  it.each([
    ["no JSON", "keys:", /is not JSON/],
    ["another thing", "[1]", /is not a JWKS/],
    ["an empty set", '{"keys":[]}', /holds no key/],
    ["a text for a key", '{"keys":["k"]}', /key 1 is not an object/],
    ["an RSA key", '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', /key 1 is not a P-256 key/],
    ["a shared secret", '{"keys":[{"kty":"oct","k":"AQAB"}]}', /key 1 is not a P-256 key/],
    ["a point beside the curve", '{"keys":[{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}]}', /is damaged/],
  ])("are not taken from %s", (_what, text, fault) => {
    expect(faultOf(text)).toMatch(fault);
  });

  it("are not for another algorithm", () => {
    const [key] = keysOf(freshJwks());
    expect(faultOf(JSON.stringify({ keys: [{ ...key, alg: "ES384" }] }))).toMatch(/another algorithm/);
    expect(faultOf(JSON.stringify({ keys: [{ ...key, kid: 7 }] }))).toMatch(/kid that is no text/);
  });

  it("fit into the environment of a function", () => {
    expect(trustedJwks(freshJwks(12)).length).toBeLessThanOrEqual(LONGEST_JWKS);
    expect(faultOf(freshJwks(40))).toMatch(/holds 40 keys, \d+ bytes.*Take out keys/);
  });
});
