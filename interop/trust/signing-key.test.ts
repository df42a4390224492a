import { createHash, createVerify, generateKeyPairSync, sign } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, it } from "vitest";
import {
  exportPrivatePem,
  generateSigningKey,
  importSigningKey,
  publicJwks,
  publicPem,
  SigningKeyUnreadable,
} from "./signing-key.ts";

const pkcs8 = (key: ReturnType<typeof generateKeyPairSync>["privateKey"]): string =>
  String(typeof key === "string" ? key : key.export({ type: "pkcs8", format: "pem" }));

describe("a signing key", () => {
  it("is called by the thumbprint of its public half, before and after a way through PEM", async () => {
    const key = await generateSigningKey();
    const { kty, crv, x, y } = key.publicJwk;
    const canonical = JSON.stringify({ crv, kty, x, y });
    expect(key.kid).toBe(createHash("sha256").update(canonical).digest("base64url"));
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
    const again = await importSigningKey(await exportPrivatePem(key));
    expect(again.kid).toBe(key.kid);
    expect(again.publicJwk).toEqual(key.publicJwk);
  });

  it("is published without its private half", async () => {
    const [one, two] = [await generateSigningKey(), await generateSigningKey()];
    const jwks = publicJwks([one, two]);
    expect(jwks.keys.map(({ kid }) => kid)).toEqual([one.kid, two.kid]);
    expect(jwks.keys.map((jwk) => Object.keys(jwk).sort().join())).toEqual(
      Array(2).fill("alg,crv,kid,kty,use,x,y"),
    );
    expect(publicPem(one)).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    const data = Buffer.from("data");
    const signature = sign("sha256", data, await exportPrivatePem(one));
    expect(createVerify("sha256").update(data).verify(publicPem(one), signature)).toBe(true);
    expect(createVerify("sha256").update(data).verify(publicPem(two), signature)).toBe(false);
  });

  it.each([
    ["RSA", () => pkcs8(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)],
    ["P-384", () => pkcs8(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)],
    ["Ed25519", () => pkcs8(generateKeyPairSync("ed25519").privateKey)],
    [
      "a public key",
      () =>
        String(
          generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
            type: "spki",
            format: "pem",
          }),
        ),
    ],
    ["a cut key", () => pkcs8(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey).slice(0, 90)],
    ["nothing", () => ""],
  ])("is not made of %s, and the error quotes nothing", async (_what, text) => {
    const pem = text();
    const error = await importSigningKey(pem).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SigningKeyUnreadable);
    const secret = pem.split("\n")[1] ?? "";
    expect(String(error)).not.toContain(secret === "" ? "no secret here" : secret);
  });
});
