import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createIssuer } from "../../tools/factory/index.ts";
import { isPrivateKeyDer, PrivateKeyScan } from "./private-keys.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const issuer = await createIssuer();
const device = await issuer.issueDevice({ batchId: "D001" });

function found(text: string | Buffer, pieces: number): boolean {
  const bytes = Buffer.from(text);
  const scan = new PrivateKeyScan();
  try {
    for (let at = 0; at < bytes.length; at += pieces) scan.push(bytes.subarray(at, at + pieces));
    return false;
  } catch {
    return true;
  }
}

describe("PrivateKeyScan", () => {
  const pems = [
    ec.export({ type: "pkcs8", format: "pem" }).toString(),
    ec.export({ type: "sec1", format: "pem" }).toString(),
    rsa.export({ type: "pkcs1", format: "pem" }).toString(),
    ec.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString(),
    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n",
  ];

  it.each([1, 7, 16, 64, 100_000])("finds keys across seams of %i bytes", (pieces) => {
    for (const pem of pems) {
      expect(found(`${device.pem}${pem}`, pieces)).toBe(true);
      expect(found(Buffer.from(`x${pem}`, "utf16le"), pieces)).toBe(true);
      expect(found(Buffer.from(`x${pem}`, "utf16le").swap16(), pieces)).toBe(true);
    }
    for (const pem of pems.slice(0, 5)) {
      for (const before of ["", "a", "ab"]) {
        expect(found(Buffer.from(before + pem).toString("base64"), pieces)).toBe(true);
      }
    }
  });

  it("lets certificates and public keys pass", () => {
    const { pem, der } = device;
    const text = `${pem}-----BEGIN PUBLIC KEY-----\nprivate keys are elsewhere\n`;
    expect(found(text.repeat(50), 100)).toBe(false);
    expect(found(Buffer.from(text).toString("base64"), 100)).toBe(false);
    expect(found(Buffer.from(der), 10)).toBe(false);
  });
});

describe("isPrivateKeyDer", () => {
  it("knows each form of a private key", () => {
    for (const der of [
      ec.export({ type: "pkcs8", format: "der" }),
      ec.export({ type: "sec1", format: "der" }),
      rsa.export({ type: "pkcs8", format: "der" }),
      rsa.export({ type: "pkcs1", format: "der" }),
      rsa.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: "x" }),
      Buffer.from("3082010002010330820100", "hex"),
    ]) {
      expect(isPrivateKeyDer(der)).toBe(true);
    }
  });

  it("knows nothing else for one", () => {
    for (const der of [
      device.der,
      issuer.der,
      Buffer.alloc(0),
      Buffer.from([0x30]),
      Buffer.from([0x30, 0x80]),
      Buffer.from([0x30, 0xff, 0x30]),
    ]) {
      expect(isPrivateKeyDer(der)).toBe(false);
    }
  });
});
