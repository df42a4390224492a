import { generateKeyPairSync, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";

import { SecretSearch } from "./secret-search.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const found = (text: string, secrets: { name: string; value: string }[] = []): string[] =>
  new SecretSearch(secrets).in(Buffer.from(text)).map(({ what }) => what);

describe("the search for secrets", () => {
  it.each([
    ["on lines of its own", pem],
    ["of another kind", pem.replaceAll("PRIVATE KEY", "RSA PRIVATE KEY")],
    ["in a line of JSON", JSON.stringify({ msg: `cannot read ${pem}` })],
    ["in JSON within JSON", JSON.stringify({ msg: JSON.stringify({ key: pem }) })],
    ["with the ends of lines of Windows", JSON.stringify(pem.replaceAll("\n", "\r\n"))],
  ])("finds a private key %s", (_how, text) => {
    expect(found(`something\n${text}\nmore`)).toEqual(["a private key in PEM"]);
  });

  it("finds a token wherever it stands, and a private JSON web key", async () => {
    const token = await new SignJWT({}).setProtectedHeader({ alg: "ES256" }).setIssuer("c").sign(privateKey);
    expect(found(`{"msg":"GET https://c/?t=${token} failed"}`)).toEqual(["a JSON web token"]);
    const jwk = privateKey.export({ format: "jwk" });
    expect(found(JSON.stringify({ text: JSON.stringify(jwk) }))).toEqual([
      "the private part of a JSON web key",
    ]);
  });

  it("finds what a test used: as it is, in base64, and any line of a key, and says which it was", () => {
    const value = "let me in";
    const secrets = [
      { name: "password of acme", value },
      { name: "key of acme", value: pem },
    ];
    expect(found(`user:${value}`, secrets)).toEqual(["password of acme"]);
    expect(found(Buffer.from(value).toString("base64"), secrets)).toEqual(["password of acme"]);
    expect(found(pem.split("\n")[2] ?? "", secrets)).toEqual(["key of acme"]);
    expect(found(`…${value}`.repeat(3), secrets)).toHaveLength(3);
  });

  it("is not taken in by what is none", () => {
    const texts = [
      "it must be a P-256 private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----), and is not",
      publicKey.export({ type: "spki", format: "pem" }).toString(),
      JSON.stringify(publicKey.export({ format: "jwk" })),
      "see eyJmb28.bar and eyJub3Rqc29uISEhIQ.eyJub3Rqc29uISEhIQ.c2lnbmF0dXJlc2lnbmF0dXJl",
      "the password is right",
    ];
    for (const text of texts) expect(found(text, [{ name: "too short", value: "right" }])).toEqual([]);
  });

  it("finds one among thousands, at the end of much", () => {
    const secrets = Array.from({ length: 3_000 }, (_, at) => ({
      name: `secret ${at}`,
      value: randomBytes(24).toString("base64url"),
    }));
    const text = `${randomBytes(3 * 1024 ** 2).toString("hex")} ${secrets[2_999]?.value}`;
    expect(found(text, secrets)).toEqual(["secret 2999"]);
  });
});
