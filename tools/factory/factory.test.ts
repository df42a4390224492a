import { X509Certificate } from "node:crypto";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { sevenZip } from "./archive.ts";
import { createIssuer, DUMMY_REELS, issueServerCertificate, manifest7z, manifestCsv } from "./index.ts";

const issuer = await createIssuer();

describe("issuer", () => {
  it("goes on as an authority that was made earlier", async () => {
    const again = await createIssuer({ authority: { pem: issuer.pem, privateKey: issuer.privateKey } });
    const leaf = new X509Certificate((await again.issueDevice({ batchId: "D001" })).pem);
    const authority = new X509Certificate(issuer.pem);
    expect([again.name, again.pem]).toEqual([issuer.name, issuer.pem]);
    expect(leaf.checkIssued(authority) && leaf.verify(authority.publicKey)).toBe(true);
  });

  it("issues P-256 leaves that it vouches for, with four-byte serials, valid 20 years", async () => {
    const device = await issuer.issueDevice({ batchId: "D001" });
    const leaf = new X509Certificate(device.pem);
    const authority = new X509Certificate(issuer.pem);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(authority.ca).toBe(true);
    expect(authority.publicKey.asymmetricKeyDetails?.namedCurve).toBe("secp384r1");
    expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(leaf.signatureAlgorithm).toBe("ecdsa-with-SHA384");
    expect(leaf.serialNumber).toBe(device.serial);
    expect(leaf.serialNumber).toMatch(/^[0-9A-F]{8}$/);
    expect(device.deviceId).toMatch(/^[0-9A-F]{20}$/);
    expect(leaf.checkPrivateKey(device.privateKey)).toBe(true);
    const years = (leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / (365.25 * 24 * 3600 * 1000);
    expect(years).toBeCloseTo(20, 2);
  });

  it("makes what a reader has to refuse", async () => {
    const past = new Date("2020-01-01T00:00:00Z");
    const batchId = "D001";
    const expired = await issuer.issueDevice({ batchId, notBefore: past, notAfter: new Date(+past + 1000) });
    expect(new X509Certificate(expired.der).validToDate.getTime()).toBeLessThan(Date.now());
    const authority = await issuer.issueDevice({ batchId, certificateAuthority: true });
    expect(new X509Certificate(authority.der).ca).toBe(true);
    const weak = await issuer.issueDevice({ batchId, keyType: "RSA-1024" });
    expect(new X509Certificate(weak.der).publicKey.asymmetricKeyDetails?.modulusLength).toBe(1024);
    const twin = await issuer.issueDevice({ batchId, serial: "30309d3b" });
    expect(new X509Certificate(twin.der).serialNumber).toBe("30309D3B");
    for (const keyType of ["P-224", "P-384", "P-521", "RSA-2048", "Ed25519"] as const) {
      const device = await issuer.issueDevice({ batchId, keyType });
      expect(new X509Certificate(device.der).checkPrivateKey(device.privateKey)).toBe(true);
    }
  });

  it("issues many that all differ", async () => {
    const devices = await issuer.issueMany(50, { batchId: "D001" });
    expect(new Set(devices.map((device) => device.deviceId)).size).toBe(50);
    expect(new Set(devices.map((device) => device.serial)).size).toBe(50);
  });
});

describe("manifest", () => {
  it("writes the vendor's three columns, and any other order, separator and form", async () => {
    const device = await issuer.issueDevice({ batchId: "D001", deviceId: "0A091B5C001500B60068" });
    const csv = manifestCsv([device], { batchId: "D001" });
    expect(csv).toBe(`device_id,group_id,certificate\n0A091B5C001500B60068,D001,"${device.pem}"\n`);
    const der = Buffer.from(device.der).toString("base64");
    expect(
      manifestCsv([device], {
        batchId: "D001",
        bom: true,
        newline: "\r\n",
        separator: ";",
        certificateForm: "base64-der",
        columns: ["CERTIFICATE", "note", "Device_Id", "group_id"],
      }),
    ).toBe(
      `\uFEFFCERTIFICATE;note;Device_Id;group_id\r\n${der};"some, ""note""";0A091B5C001500B60068;D001\r\n`,
    );
  });

  it("packs a 7z that unpacks to the same bytes", async () => {
    const archive = await manifest7z("device_id,group_id,certificate\n", "D001.csv");
    expect(Buffer.from(archive.subarray(0, 6)).toString("hex")).toBe("377abcaf271c");
    const sevenZ = await sevenZip({ print: () => {}, printErr: () => {} });
    sevenZ.FS.writeFile("in.7z", archive);
    sevenZ.callMain(["x", "in.7z"]);
    expect(Buffer.from(sevenZ.FS.readFile("D001.csv")).toString()).toBe("device_id,group_id,certificate\n");
  });

  it("knows the ten dummy reels", () => {
    expect(DUMMY_REELS.map((reel) => `${reel.batchId}:${reel.devices}`).join(" ")).toBe(
      "D001:2 D002:2 D003:2 D004:2 D005:2 D006:5 D007:5 D008:5 D009:10 D010:10",
    );
    expect(DUMMY_REELS.at(-1)?.qrText).toBe("https://cirrent.infineon.com/cloud-id?groupId=D0010");
  });
});

describe("server certificate", () => {
  it("is trusted by a client that knows its CA, and by no other", async () => {
    const { certPem, keyPem, caPem } = await issueServerCertificate({ hosts: ["127.0.0.1", "localhost"] });
    const server = createServer({ cert: certPem, key: keyPem }, (_, answer) => answer.end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const status = (ca?: string) =>
      new Promise<number | string>((resolve) => {
        request({ host: "127.0.0.1", port, agent: false, ...(ca ? { ca } : {}) }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        })
          .on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
          .end();
      });
    try {
      await expect(status(caPem)).resolves.toBe(200);
      await expect(status()).resolves.toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    } finally {
      server.close();
    }
  });
});
