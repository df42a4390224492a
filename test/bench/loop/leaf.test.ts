import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readManifest } from "../../../operator/manifests/index.ts";
import { createIssuer, type Issuer, manifestCsv } from "../../../tools/factory/index.ts";
import { Mint } from "../reels/certificates.ts";
import { readLoopLeaf } from "./leaf.ts";

const now = new Date();
let issuer: Issuer;
let folder: string;

beforeAll(async () => {
  issuer = await createIssuer();
  folder = await mkdtemp(join(tmpdir(), "certferry-bench-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const refusedByLoop = (der: Buffer): boolean => typeof readLoopLeaf(der, now.getTime()) === "string";

/** The serial numbers of those that the operator takes. */
async function takenByOperator(ders: readonly Uint8Array[]): Promise<string[]> {
  const devices = ders.map((der, at) => ({ deviceId: `d${at}`, der, pem: "" }));
  const csv = manifestCsv(devices, { batchId: "B", certificateForm: "base64-der" });
  const path = join(folder, "manifest.csv");
  await writeFile(path, csv);
  const sha256 = createHash("sha256").update(csv).digest("hex");
  const stored = { sha256, path, bytes: csv.length, release: () => Promise.resolve() };
  const taken: string[] = [];
  for await (const record of readManifest(stored, { batchId: "B", now }, AbortSignal.timeout(30_000))) {
    if (record.kind === "device") taken.push(record.serial);
  }
  return taken;
}

describe("the loop's checks", () => {
  it.each([
    ["a device's", {}, false],
    ["one with an RSA key", { keyType: "RSA-2048" as const }, false],
    ["an authority's", { certificateAuthority: true }, true],
    ["one that has expired", { notBefore: new Date(0), notAfter: new Date(1e12) }, true],
    ["one that is not valid yet", { notBefore: new Date(Date.now() + 1e9) }, true],
    ["one with a serial number of 21 bytes", { serial: `40${"11".repeat(20)}` }, true],
  ])("find of %s certificate what the operator finds", async (_what, request, refused) => {
    const der = Buffer.from((await issuer.issueDevice({ batchId: "B", ...request })).der);
    expect([refusedByLoop(der), (await takenByOperator([der])).length === 0]).toEqual([refused, refused]);
  });

  it("refuse a point that is not on its curve, as the operator does", async () => {
    const der = Buffer.from((await issuer.issueDevice({ batchId: "B" })).der);
    // A P-256 key: OID, BIT STRING of 66 bytes, no unused bits, an uncompressed point.
    const at = der.indexOf(Buffer.from("2a8648ce3d03010703420004", "hex")) + 12;
    expect(at).toBeGreaterThan(12);
    der[at + 63] = (der[at + 63] ?? 0) ^ 1;
    expect(refusedByLoop(der)).toBe(true);
    expect(await takenByOperator([der])).toEqual([]);
  });

  it("take what the mint makes, each with a serial number of its own, as the operator does", async () => {
    const mint = await Mint.open(2);
    const ders = Array.from({ length: 200 }, (_, ordinal) => mint.device(7, ordinal).der);
    expect(ders.filter(refusedByLoop)).toEqual([]);
    expect(new Set(await takenByOperator(ders)).size).toBe(200);
  });

  it("refuse whatever breaks off, and end within the bounds of whatever is damaged", async () => {
    const der = Buffer.from((await issuer.issueDevice({ batchId: "B" })).der);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length), (at, byte, length) => {
        const damaged = Buffer.from(der.subarray(0, length));
        if (at < length) damaged[at] = byte;
        expect(refusedByLoop(damaged) || length === der.length).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
