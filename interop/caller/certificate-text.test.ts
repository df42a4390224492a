import fc from "fast-check";
import { expect, it } from "vitest";
import { createIssuer } from "../../tools/factory/index.ts";
import { certificateText } from "./certificate-text.ts";

it("is base64 of the PEM text in 64 columns, for any number of bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 6_000 }), (der) => {
      const lines =
        Buffer.from(der)
          .toString("base64")
          .match(/.{1,64}/g) ?? [];
      const pem = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
      expect(Buffer.from(certificateText(der), "base64").toString("latin1")).toBe(pem);
      expect(certificateText(der)).toBe(Buffer.from(pem).toString("base64"));
    }),
  );
});

it("is of the bytes that it is given, though they lie within others", async () => {
  const issuer = await createIssuer();
  const { der, pem } = await issuer.issueDevice({ batchId: "D001" });
  const around = Buffer.concat([Buffer.alloc(7, 0xff), der, Buffer.alloc(9, 0xff)]);
  const within = around.subarray(7, 7 + der.length);
  expect(Buffer.from(certificateText(within), "base64").toString()).toBe(pem);
});
