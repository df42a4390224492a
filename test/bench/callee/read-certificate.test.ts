import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateText } from "../../../interop/caller/certificate-text.ts";
import { Mint } from "../reels/certificates.ts";
import { serialOf } from "./read-certificate.ts";

describe("the stub's reading of a certificate", () => {
  it("finds the serial number that OpenSSL finds", async () => {
    const { der } = (await Mint.open(1)).device(1, 99);
    expect(serialOf(certificateText(der))).toBe(new X509Certificate(der).serialNumber);
  });

  it("finds none where there is no certificate, or only part of one", async () => {
    const { der } = (await Mint.open(1)).device(1, 99);
    expect(serialOf("")).toBeUndefined();
    expect(serialOf("LS0tLS1CRUdJTi==")).toBeUndefined();
    expect(serialOf(certificateText(der.subarray(0, -1)))).toBeUndefined();
  });
});
