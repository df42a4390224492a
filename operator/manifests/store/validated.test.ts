import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import { ManifestError } from "../errors.ts";
import type { PackedRecord } from "../pack/records.ts";
import { readManifest } from "../reader.ts";
import type { ReadOptions, StoredManifest } from "../records.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import { FileCache } from "./cache.ts";
import { ManifestStore } from "./store.ts";
import { ValidatedManifests, type ValidatedManifest } from "./validated.ts";

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const issuer = await createIssuer();
const brief = await issuer.issueDevice({ batchId: "D001", notAfter: new Date("2027-01-01T00:00:00Z") });
const devices = [
  brief,
  ...(await issuer.issueMany(600, { batchId: "D001" })),
  await issuer.issueDevice({ batchId: "D001", serial: "30309D3B" }),
  await issuer.issueDevice({ batchId: "D001", serial: "30309D3B", keyType: "P-384" }),
];
const bad = "bad-é,D001,\n,D001,x\n";
const csv = manifestCsv(devices, { batchId: "D001" }) + bad;
const NOW = new Date("2026-06-01T00:00:00Z");
const options: ReadOptions = { batchId: "D001", now: new Date(Math.max(NOW.getTime(), Date.now())) };

interface Bench {
  readonly dir: string;
  readonly source: { text: string | undefined };
  readonly store: () => ManifestStore;
}

async function bench(maxBytes = 64 * 1024 ** 2): Promise<Bench> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const source: { text: string | undefined } = { text: csv };
  const store = (): ManifestStore =>
    new ManifestStore({
      dir: folder.path,
      maxBytes,
      maxManifestBytes: 64 * 1024 ** 2,
      readConfigMap: () =>
        source.text === undefined
          ? Promise.reject(new Error("gone"))
          : Promise.resolve(Buffer.from(source.text)),
      readSecret: () => Promise.reject(new Error("unused")),
      egress: new EgressPolicy({ env: {} }),
      retryPauseMs: 1,
    });
  return { dir: folder.path, source, store };
}

function validated(
  store: ManifestStore,
  sha256?: string,
  more: Partial<ReadOptions> = {},
): Promise<ValidatedManifest> {
  const place = { configMap: { name: "m", key: "k" } };
  const fetch = (): Promise<StoredManifest> =>
    store.fetch(place, sha256 === undefined ? {} : { knownSha256: sha256 }, soon());
  return store.validated({ sha256, options: { ...options, ...more }, fetch }, soon());
}

async function all(
  manifest: ValidatedManifest,
  skip?: (ordinal: number) => boolean,
): Promise<PackedRecord[]> {
  return (await Array.fromAsync(manifest.records(soon(), skip))).flat();
}

/** What a reading of the manifest itself gives, as far as it is kept. */
async function parsed(store: ManifestStore, more: Partial<ReadOptions> = {}): Promise<PackedRecord[]> {
  const stored = await store.fetch({ configMap: { name: "m", key: "k" } }, {}, soon());
  const records = await Array.fromAsync(readManifest(stored, { ...options, ...more }, soon()));
  await stored.release();
  return records.map((record) => {
    if (record.kind === "refused") return record;
    const { kind, ordinal, row, deviceId, der, serial } = record;
    return { kind, ordinal, row, deviceId, der, serial };
  });
}

const packsIn = async (dir: string): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name.startsWith("pack-"));

describe("a validated manifest", () => {
  it("has the records of the manifest itself", async () => {
    const { store } = await bench();
    const one = store();
    const manifest = await validated(one);
    const expected = await parsed(one);
    expect(await all(manifest)).toEqual(expected);
    expect(manifest.summary).toMatchObject({ devices: 603, refused: 2, records: 605, format: "CloudIdCsv" });
    expect(manifest.summary.collidingSerials).toEqual(new Set(["30309D3B"]));
    await manifest.release();
  });

  it("is at hand in the next process, when neither its source nor the manifest is there any more", async () => {
    const { store, dir, source } = await bench();
    const before = await validated(store());
    const records = await all(before);
    source.text = undefined;
    await rm(join(dir, before.sha256));
    const after = await validated(store(), before.sha256);
    expect(after.summary).toEqual(before.summary);
    expect(await all(after)).toEqual(records);
  });

  it("is of the instant, the batch and the format that it was read for", async () => {
    const { store, dir } = await bench();
    const one = store();
    const early = await validated(one);
    const late = await validated(one, early.sha256, { now: new Date("2027-06-01T00:00:00Z") });
    const other = await validated(one, early.sha256, { batchId: "D002" });
    expect([early, late, other].map(({ summary }) => summary.devices)).toEqual([603, 602, 0]);
    expect((await all(late))[0]).toMatchObject({ kind: "refused", reason: "CertificateExpired" });
    await validated(one, early.sha256, { format: "CloudIdCsv" });
    await expect(packsIn(dir)).resolves.toHaveLength(4);
  });

  it("gives what is not skipped, in its order", async () => {
    const { store } = await bench();
    const manifest = await validated(store());
    const records = await all(manifest);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), fc.boolean(), async (size, odd) => {
        const skip = (ordinal: number): boolean => Math.floor(ordinal / size) % 2 === (odd ? 1 : 0);
        expect(await all(manifest, skip)).toEqual(records.filter(({ ordinal }) => !skip(ordinal)));
      }),
      { numRuns: 20 },
    );
    expect(await all(manifest, () => true)).toEqual([]);
  });

  it("is read once for all who ask at once", async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder[Symbol.asyncDispose]());
    const cache = new FileCache({ dir: folder.path, maxBytes: 64 * 1024 ** 2, clock: Date });
    await cache.open();
    const { store } = await bench();
    const original = await store().fetch({ configMap: { name: "m", key: "k" } }, {}, soon());
    const path = cache.newPartial();
    await writeFile(path, await readFile(original.path));
    const stored = await cache.keep(path, original.sha256, original.bytes);
    let readings = 0;
    const manifests = new ValidatedManifests({
      cache,
      read: (sha256, signal) => {
        readings += 1;
        return cache.hold(sha256, signal);
      },
    });
    const ask = (signal: AbortSignal): Promise<ValidatedManifest> =>
      manifests.get({ sha256: stored.sha256, options, fetch: () => Promise.resolve(stored) }, signal);
    const impatient = new AbortController();
    const left = ask(impatient.signal);
    const asked = Array.from({ length: 16 }, () => ask(soon()));
    impatient.abort();
    await expect(left).rejects.toMatchObject({ name: "AbortError" });
    const found = await Promise.all(asked);
    for (const { summary } of found) expect(summary.devices).toBe(603);
    expect(readings).toBe(1);
    await Promise.all(found.map((manifest) => manifest.release()));
  });

  it("goes without a pack where the cache has no room for one", async () => {
    const { store, dir } = await bench(csv.length + 1000);
    const one = store();
    const manifest = await validated(one);
    expect(manifest.summary.devices).toBe(603);
    expect(manifest.summary.collidingSerials.size).toBe(1);
    expect(await all(manifest)).toHaveLength(605);
    await expect(readdir(dir)).resolves.toEqual([manifest.sha256]);
    await manifest.release();
  });

  it("is not made of a manifest that is refused, and leaves nothing of it", async () => {
    const { store, dir, source } = await bench();
    const key = brief.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64");
    source.text = `${csv}x,D001,${key}\n`;
    await expect(failureOf(validated(store()))).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
    await expect(readdir(dir)).resolves.toEqual([]);
  });

  it("is made anew where its file was changed, at any place, and never yields anything else", async () => {
    const { store, dir } = await bench();
    const first = await validated(store());
    const records = await all(first);
    await first.release();
    const [name = ""] = await packsIn(dir);
    const good = await readFile(join(dir, name));
    const change = fc.oneof(
      fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ bits;
        return bytes;
      }),
      fc.nat(2000).map((from) => {
        const bytes = Buffer.from(good);
        bytes[bytes.length - 1 - from] = (bytes[bytes.length - 1 - from] ?? 0) ^ 1;
        return bytes;
      }),
      fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 60 }).map((more) => Buffer.concat([good, more])),
    );
    await fc.assert(
      fc.asyncProperty(change, async (bytes) => {
        await writeFile(join(dir, name), bytes);
        const one = store();
        const manifest = await validated(one, first.sha256);
        expect(manifest.summary).toEqual(first.summary);
        const read = await all(manifest).catch((error: unknown) => {
          if (error instanceof ManifestError && error.transient) return records;
          throw error;
        });
        await manifest.release();
        expect(read).toEqual(records);
        const again = await validated(one, first.sha256);
        expect(await all(again)).toEqual(records);
        await again.release();
      }),
      { numRuns: 15 },
    );
  });
});
