import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIssuer } from "../../../tools/factory/index.ts";
import { ManifestError } from "../errors.ts";
import { decodeAny, decodeCertificate, type Decoded } from "./encoding.ts";

const issuer = await createIssuer();
const { pem, privateKey } = await issuer.issueDevice({ batchId: "D001" });
const body = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
});

/** What comes of a field: the bytes, the reason that there are none, or that it holds a private key. */
function outcome(decode: (field: string) => Decoded, field: string): string {
  try {
    const decoded = decode(field);
    return "der" in decoded ? decoded.der.toString("hex") : `${decoded.reason} ${decoded.message}`;
  } catch (error) {
    if (error instanceof ManifestError) return error.reason;
    throw error;
  }
}

const slip = fc.constantFrom(
  "",
  "=",
  "==",
  "-",
  "_",
  "!",
  " ",
  "\n",
  "\r",
  "\r\n",
  "A",
  "é",
  "\u00A0",
  "-----",
  "\\n",
);

describe("a PEM certificate in its usual form", () => {
  it("is decoded as every other one, whatever slips into it", () => {
    let decoded = 0;
    fc.assert(
      fc.property(
        fc.oneof(body, fc.constant(pem)),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.tuple(fc.nat(), slip, fc.nat(2)), { maxLength: 2 }),
        fc.boolean(),
        (text, newline, slips, cut) => {
          let field = text.replaceAll("\n", newline);
          for (const [place, what, dropped] of slips) {
            const at = place % (field.length + 1);
            field = field.slice(0, at) + what + field.slice(at + dropped);
          }
          if (cut) field = field.trimEnd();
          const said = outcome(decodeCertificate, field);
          expect(said).toBe(outcome(decodeAny, field));
          if (/^[0-9a-f]+$/.test(said)) decoded += 1;
        },
      ),
      { numRuns: 3_000 },
    );
    expect(decoded).toBeGreaterThan(500);
  });

  it("does not hide a private key", () => {
    const key = privateKey.export({ type: "pkcs8", format: "der" });
    const lines = key.toString("base64").match(/.{1,64}/g) ?? [];
    const field = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
    expect(outcome(decodeCertificate, field)).toBe("ContainsPrivateKey");
  });
});
