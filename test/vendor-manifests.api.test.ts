import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  espressifCsv,
  espressifModules,
  type FactoryDevice,
  manifest7z,
  manifestCsv,
  optigaArchive,
  type OptigaReel,
  optigaReel,
} from "../tools/factory/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { temporaryFolder } from "../operator/manifests/testing.ts";
import { Field } from "./field/field.ts";
import { microchipReel } from "./field/microchip-reel.ts";

describe("a reel of each vendor's format", () => {
  let field: Field;
  let cloud: TestCloud;
  let cache: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    field = await Field.open();
    cache = await temporaryFolder();
    await field.operator({ dataDir: cache.path });
    await field.account("acme");
    cloud = await field.cloud("acme");
    await field.awsApi("acme", "aws", cloud);
  });

  afterAll(async () => {
    await field.close();
    await cache[Symbol.asyncDispose]();
  });

  /** The serial numbers that the cloud holds of these devices, of all that it holds. */
  function arrived(devices: readonly Pick<FactoryDevice, "serial">[]): string[] {
    const wanted = new Set(devices.map(({ serial }) => serial.toLowerCase()));
    const there = cloud.registry.list().map(({ serial }) => serial.toLowerCase());
    return there.filter((serial) => wanted.has(serial));
  }

  async function provisioned(batchId: string, certificateSlot?: string): Promise<number | undefined> {
    const name = batchId.toLowerCase();
    const slot = certificateSlot === undefined ? {} : { certificateSlot };
    await field.batch("acme", name, { batchId, cloudApis: [{ name: "aws" }], ...slot });
    return (await field.awaitReady("acme", name)).status?.provisionedDevices;
  }

  it("CloudIdCsv, in an archive", async () => {
    const devices = await field.issuer.issueMany(3, { batchId: "CID-1" });
    await field.shipFile("CID-1", await manifest7z(manifestCsv(devices, { batchId: "CID-1" }), "CID-1.csv"));
    await expect(provisioned("CID-1")).resolves.toBe(3);
    expect(arrived(devices)).toHaveLength(3);
  });

  it("EspressifCsv", async () => {
    const modules = await espressifModules(field.issuer, 3);
    await field.shipFile("ESP-1", espressifCsv(modules));
    await expect(provisioned("ESP-1")).resolves.toBe(3);
    expect(arrived(modules.map(({ device }) => device))).toHaveLength(3);
  });

  it("MicrochipJson: an entry that another signed is quarantined, the others go", async () => {
    const { devices, json, signer, other } = await microchipReel(field.issuer, "MCHP-1");
    await field.shipCsv("MCHP-1", json);
    const source = (await field.reels.get({ name: "mchp-1" })).spec.manifest;
    const unverified = await field.awaitReel("MCHP-1", "True", "Available");
    expect(unverified.status).toMatchObject({ devices: 3, signatures: "NotVerified" });

    await field.reels.patch({ name: "mchp-1" }, { spec: { manifest: { ...source, signers: signer.pem } } });
    await expect(provisioned("MCHP-1")).resolves.toBe(2);
    const reel = await field.awaitReel("MCHP-1", "True", "Bound");
    expect(reel.status).toMatchObject({ devices: 2, signatures: "Verified" });
    expect(reel.status?.quarantined).toMatchObject({
      count: 1,
      first: [{ row: 2, reason: "SignerUnknown", device: devices[1]?.deviceId }],
    });
    expect(arrived(devices)).toHaveLength(2);
    const taken = field.reels.patch({ name: "mchp-1" }, { spec: { manifest: { signers: other.pem } } });
    await expect(taken).rejects.toThrow(/cannot be changed once the reel is bound/);
  });

  describe("OptigaTrustM", () => {
    async function ship(): Promise<{ reel: OptigaReel; secret: string }> {
      const reel = await optigaReel(field.issuer, 3);
      // Stored, so that the secrets would be found wherever the file is kept as it is.
      const { archive, secret } = await optigaArchive(reel, { level: 0 });
      await field.shipFile(reel.reelId, archive);
      return { reel, secret };
    }

    it("gives the certificates of E0E0, and its secrets are not kept", async () => {
      const { reel, secret } = await ship();
      await expect(provisioned(reel.reelId)).resolves.toBe(3);
      expect(arrived(reel.devices.E0E0)).toHaveLength(3);
      expect(arrived(reel.devices.E0E1)).toHaveLength(0);
      const names = await readdir(cache.path, { recursive: true, withFileTypes: true });
      const files = names.filter((entry) => entry.isFile());
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        const bytes = await readFile(join(file.parentPath, file.name));
        expect(bytes.includes(secret)).toBe(false);
      }
    });

    it("gives those of E0E1 to a batch that asks for them, and binding and ledger say so", async () => {
      const { reel } = await ship();
      await expect(provisioned(reel.reelId, "E0E1")).resolves.toBe(3);
      expect(arrived(reel.devices.E0E1)).toHaveLength(3);
      expect(arrived(reel.devices.E0E0)).toHaveLength(0);
      const name = reel.reelId.toLowerCase();
      expect((await field.bindings.get({ name })).spec).toMatchObject({
        certificateSlot: "E0E1",
        devices: 3,
      });
      const ledgers = (await field.ledgers.list()).items.filter(({ spec }) => spec.reel === name);
      expect(ledgers.map(({ spec }) => spec.certificateSlot)).toEqual(["E0E1"]);
    });

    it("is not bound for a slot that is not there, and the batch says which are", async () => {
      const { reel } = await ship();
      const name = reel.reelId.toLowerCase();
      await field.batch("acme", name, {
        batchId: reel.reelId,
        cloudApis: [{ name: "aws" }],
        certificateSlot: "E0E7",
      });
      const refused = { type: "Bound", status: "False", reason: "SlotNotFound" };
      const batch = await field.awaitBatch("acme", name, refused);
      const bound = batch.status?.conditions?.find(({ type }) => type === "Bound");
      expect(bound?.message).toContain("E0E0, E0E1, E0E2");
      await expect(field.bindings.find({ name })).resolves.toBeUndefined();
    });
  });
});
