import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  createIssuer,
  optigaArchive,
  optigaReel,
  optigaSlotArchive,
  pack7z,
} from "../../../../tools/factory/index.ts";
import { keyed, storeBench, storedRecords, storedSummary } from "../../archives/testing.ts";
import { readManifest } from "../../reader.ts";
import type { ManifestRecord } from "../../records.ts";
import { failureOf } from "../../testing.ts";

const issuer = await createIssuer();
const reel = await optigaReel(issuer, 3);
const { archive } = await optigaArchive(reel);
const batchId = reel.reelId;
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

function outcomes(records: readonly ManifestRecord[]): string[] {
  return records.map((record) => (record.kind === "device" ? record.deviceId : record.reason));
}

const ids = reel.devices.E0E0.map(({ deviceId }) => deviceId).toSorted((a, b) => (a < b ? -1 : 1));

describe("the archive of a reel", () => {
  it.each([
    [undefined, "E0E0", "P-256"],
    ["E0E0", "E0E0", "P-256"],
    ["e0e1", "E0E1", "P-256"],
    ["E0E2", "E0E2", "RSA-2048"],
  ] as const)("gives the certificates of slot %s", async (certificateSlot, slot, keyType) => {
    const records = await storedRecords(archive, { batchId, certificateSlot });
    expect(outcomes(records)).toEqual(ids);
    for (const record of records) {
      const device = reel.devices[slot].find(({ deviceId }) => deviceId === record.deviceId);
      expect(record).toMatchObject({ kind: "device", keyType, der: Buffer.from(device?.der ?? []) });
    }
    expect(records.map(({ row }) => row)).toEqual([1, 2, 3]);
  });

  it("is known by its content, and by its own digest", async () => {
    const summary = await storedSummary(archive, { batchId });
    const sha256 = createHash("sha256").update(archive).digest("hex");
    expect(summary).toMatchObject({ format: "OptigaTrustM", sha256, devices: 3, records: 3 });
  });

  it("of another reel: no device is taken", async () => {
    const records = await storedRecords(archive, { batchId: "0A091B5C001500B6" });
    expect(outcomes(records)).toEqual(["WrongGroup", "WrongGroup", "WrongGroup"]);
    expect(JSON.stringify(records)).toContain(reel.reelId);
    expect(outcomes(await storedRecords(archive, { batchId: batchId.toLowerCase() }))).toEqual(ids);
  });

  it("without the slot that is asked for: says which there are, and stays in the cache", async () => {
    await using bench = await storeBench();
    bench.content.set("m", archive);
    const manifest = await bench.store.fetch(keyed("m"), {}, soon());
    const options = { batchId, now: new Date(), certificateSlot: "E0E3" };
    const error = await failureOf(Array.fromAsync(readManifest(manifest, options, soon())));
    expect(error).toMatchObject({ reason: "SlotNotFound", transient: false });
    expect(error.message).toContain("E0E0, E0E1, E0E2");
    await expect(bench.kept()).resolves.toEqual([manifest.sha256]);
  });

  it("with one slot only: that one is taken unless another is asked for", async () => {
    const one = await optigaArchive(reel, { slots: ["E0E1"] });
    expect(outcomes(await storedRecords(one.archive, { batchId }))).toEqual(ids);
    const asked = storedRecords(one.archive, { batchId, certificateSlot: "E0E0" });
    await expect(failureOf(asked)).resolves.toMatchObject({ reason: "SlotNotFound" });
    const two = await optigaArchive(reel, { slots: ["E0E1", "E0E2"] });
    await expect(failureOf(storedRecords(two.archive, { batchId }))).resolves.toMatchObject({
      reason: "SlotNotFound",
    });
  });

  it("may have its files in a folder, and files of other kinds beside", async () => {
    const { archive: outer } = await optigaArchive(reel, {
      slots: ["E0E0"],
      alongside: { "licence.pdf": "%PDF", "notes.txt": "" },
    });
    expect(outcomes(await storedRecords(outer, { batchId }))).toEqual(ids);
    const inner = await optigaSlotArchive(reel.devices.E0E0, "E0E0");
    const folder = await pack7z({ [`reel/${batchId}_X_E0E0_Certs.7z`]: inner, "reel/x_keys.7z": "sealed" });
    expect(outcomes(await storedRecords(folder, { batchId }))).toEqual(ids);
  });

  it("one slot's archive by itself is taken for any reel", async () => {
    const inner = await optigaSlotArchive(reel.devices.E0E2, "E0E2");
    expect(outcomes(await storedRecords(inner, { batchId: "D001" }))).toEqual(ids);
    const asked = storedRecords(inner, { batchId: "D001", certificateSlot: "E0E1" });
    const error = await failureOf(asked);
    expect(error).toMatchObject({ reason: "SlotNotFound" });
    expect(error.message).toContain("E0E2");
  });
});

describe("a file in the archive of a slot", () => {
  it.each([
    ["README.txt", "how to use it", "RowUnreadable"],
    ["0A09_E0E0.pem", reel.devices.E0E0[0]?.pem ?? "", "InvalidDeviceId"],
    ["0A091B5C001500B60068_E0E1.pem", reel.devices.E0E1[0]?.pem ?? "", "RowUnreadable"],
    ["0A091B5C001500B60068_E0E0.pem", "", "CertificateUnreadable"],
    ["0A091B5C001500B60068_E0E0.pem", "A".repeat(100_000), "RowUnreadable"],
  ])("that is no certificate is refused alone: %s", async (name, content, reason) => {
    const odd = await optigaArchive(reel, { slots: ["E0E0"], files: { E0E0: { [name]: content } } });
    const records = await storedRecords(odd.archive, { batchId });
    expect(outcomes(records).filter((outcome) => !ids.includes(outcome))).toEqual([reason]);
    expect(outcomes(records)).toEqual(expect.arrayContaining(ids));
  });

  it("may be DER", async () => {
    const [device] = reel.devices.E0E1;
    const der = { "0A091B5C001500B60068_E0E0.pem": device?.der ?? "" };
    const odd = await optigaArchive(reel, { slots: ["E0E0"], files: { E0E0: der } });
    await expect(storedSummary(odd.archive, { batchId })).resolves.toMatchObject({ devices: 4 });
  });
});

describe("the archive of keys", () => {
  /** Everything that is in the folder at any time while `work` goes on, as bytes. */
  async function seenDuring(dir: string, work: Promise<unknown>): Promise<Buffer> {
    const seen: Buffer[] = [];
    const state = { done: false };
    const end = work.catch(() => {}).then(() => (state.done = true));
    while (!state.done) {
      const names = await readdir(dir).catch(() => []);
      for (const name of names) seen.push(await readFile(join(dir, name)).catch(() => Buffer.alloc(0)));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await end;
    return Buffer.concat(seen);
  }

  it("is never on disk, not even while the file arrives, nor when it is cut off", async () => {
    // Stored, not compressed: what is in the archive of keys stands in the file as it is.
    const { archive: open, secret } = await optigaArchive(reel, { level: 0 });
    expect(Buffer.from(open).includes(secret)).toBe(true);
    const server = createServer((request, answer) => {
      const bytes = request.url === "/cut" ? open.subarray(0, -40) : open;
      answer.write(bytes.subarray(0, 3));
      setTimeout(() => answer.write(bytes.subarray(3, -1)), 30);
      setTimeout(() => answer.end(bytes.subarray(-1)), 200);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using bench = await storeBench();
    for (const path of ["/whole", "/cut"]) {
      const fetching = bench.store.fetch({ http: { url: url + path } }, {}, soon());
      const seen = await seenDuring(bench.dir, fetching);
      expect(seen.length).toBeGreaterThan(open.length);
      expect(seen.includes(secret)).toBe(false);
      expect(seen.includes("_keys")).toBe(false);
    }
    await expect(bench.kept()).resolves.toHaveLength(1);
  });

  it("is not read where the file is not one of certificates", async () => {
    const odd = [
      await pack7z({ "a.csv": "device_id,group_id,certificate\n", "R_G_keys.7z": "sealed" }),
      await pack7z({ [`${batchId}_G_keys.7z`]: "sealed", "README.txt": "keys" }),
      (await optigaArchive(reel, { slots: ["E0E0"], files: { E0E0: { "x_keys.7z": "sealed" } } })).archive,
      (await optigaArchive(reel, { slots: ["E0E0"], alongside: { "store.p12": "sealed" } })).archive,
    ];
    for (const bytes of odd) {
      await using bench = await storeBench();
      bench.content.set("m", bytes);
      const fetching = bench.store.fetch(keyed("m"), {}, soon());
      await expect(failureOf(fetching)).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
      await expect(bench.kept()).resolves.toEqual([]);
    }
  });
});

describe("an inner archive", () => {
  it.each([
    [
      "damaged",
      async () => Buffer.from(await optigaSlotArchive(reel.devices.E0E0, "E0E0")).fill(0x55, 40, 60),
    ],
    ["no archive", () => Promise.resolve(Buffer.from("<html>not found</html>"))],
  ])("that is %s makes the whole unreadable, and is named", async (_, content) => {
    const name = `${batchId}_GUID_E0E0_Certs.7z`;
    const bytes = await pack7z({ [name]: await content() });
    const error = await failureOf(storedRecords(bytes, { batchId }));
    expect(error).toMatchObject({ reason: "ArchiveUnreadable" });
    expect(error.message).toContain(name);
  });
});

it("what is kept is no manifest where it comes from a source", async () => {
  await using bench = await storeBench();
  bench.content.set("m", archive);
  const manifest = await bench.store.fetch(keyed("m"), {}, soon());
  const kept = await readFile(manifest.path);
  const error = await failureOf(storedRecords(kept, { batchId }));
  expect(error).toMatchObject({ reason: "NotAManifest" });
});

it("what is kept survives a restart, and is refused when it was damaged", async () => {
  await using bench = await storeBench();
  bench.content.set("m", archive);
  const manifest = await bench.store.fetch(keyed("m"), {}, soon());
  bench.content.delete("m");
  const known = { knownSha256: manifest.sha256 };
  const again = await bench.another().fetch(keyed("m"), known, soon());
  const records = await Array.fromAsync(readManifest(again, { batchId, now: new Date() }, soon()));
  expect(outcomes(records)).toEqual(ids);
  const bytes = await readFile(manifest.path);
  for (const at of [25, bytes.length >> 1, bytes.length - 100, bytes.length - 2]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await writeFile(manifest.path, damaged);
    const fetching = bench.another().fetch(keyed("m"), known, soon());
    await expect(failureOf(fetching)).resolves.toMatchObject({ reason: "SourceUnavailable" });
  }
});
