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

  it.each([
    ["for HTTP Basic", (value: string) => Buffer.from(`u:${value}`).toString("base64")],
    ["for a longer user", (value: string) => Buffer.from(`us:${value}`).toString("base64")],
    [
      "at the start of a group, with more behind it",
      (v: string) => Buffer.from(`usr:1${v}.`).toString("base64"),
    ],
    ["amid more, in base64url", (value: string) => Buffer.from(`[${value}]`).toString("base64url")],
    ["in a line of JSON", (value: string) => JSON.stringify({ msg: `cannot sign in with ${value}` })],
    ["in JSON within JSON", (v: string) => JSON.stringify({ msg: JSON.stringify({ password: v }) })],
    ["in a URL", (value: string) => `https://cloud/?password=${encodeURIComponent(value)}&more`],
  ])("finds a password %s", (_how, written) => {
    for (const value of ['say "friend"\\ and/enter?', "s3cret/påss+wörd~~", "p@ssw0rd"]) {
      const secrets = [{ name: "password of acme", value }];
      expect(new Set(found(`at 12: ${written(value)} is wrong`, secrets))).toEqual(
        new Set(["password of acme"]),
      );
      expect(found(`at 12: ${written('another one / "x"')} is wrong`, secrets)).toEqual([]);
    }
  });

  it("finds a key in the base64 that a Secret has it in", () => {
    const data = Buffer.from(`a comment\n${pem}`).toString("base64");
    expect(found(data, [{ name: "key of acme", value: pem }])).toContain("key of acme");
  });

  it("finds whatever is sent for HTTP Basic, and takes no word for it", () => {
    const header = `Authorization: Basic ${Buffer.from("user:let me in").toString("base64")}`;
    const what = "a user and a password for HTTP Basic";
    expect(found(JSON.stringify({ headers: [header] }))).toEqual([what]);
    expect(found(header.replace("Basic", "basic"))).toEqual([what]);
    expect(found("HTTP Basic authentication, Basic realm=certferry, basic understanding")).toEqual([]);
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
