import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { createIssuer, manifest7z, manifestCsv } from "../../../tools/factory/index.ts";
import { readManifest } from "../reader.ts";
import type { ManifestRecord, StoredManifest } from "../records.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import { ManifestStore } from "./store.ts";

const issuer = await createIssuer();
const devices = await issuer.issueMany(200, { batchId: "D001" });
const csv = manifestCsv(devices, { batchId: "D001" });
const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const threads = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;

async function fetched(
  content: Uint8Array,
  maxBytes = 1024 ** 2,
): Promise<{ manifest: StoredManifest; files: () => Promise<number> }> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const dir = join(folder.path, "cache");
  const store = new ManifestStore({
    dir,
    maxBytes,
    maxManifestBytes: maxBytes,
    readConfigMap: () => Promise.resolve(content),
    readSecret: () => Promise.reject(new Error("unused")),
    egress: new EgressPolicy({ env: {} }),
  });
  const manifest = await store.fetch({ configMap: { name: "manifests", key: "d001.7z" } }, {}, soon());
  return { manifest, files: async () => (await readdir(dir)).length };
}

function reading(manifest: StoredManifest): AsyncGenerator<ManifestRecord> {
  return readManifest(manifest, { batchId: "D001", now: new Date() }, soon());
}

it("unpacks an archive once, and holds no thread for readers that take their time", async () => {
  const { manifest, files } = await fetched(await manifest7z(csv, "D001.csv"));
  const before = threads();
  const readers = Array.from({ length: 5 }, () => reading(manifest));
  for (const first of await Promise.all(readers.map((reader) => reader.next()))) {
    expect(first.value).toMatchObject({ kind: "device", ordinal: 0 });
  }
  await expect.poll(threads).toBeLessThanOrEqual(before);
  await expect(files()).resolves.toBe(2);
  for (const reader of readers) await expect(Array.fromAsync(reader)).resolves.toHaveLength(199);
  await expect(Array.fromAsync(reading(manifest))).resolves.toHaveLength(200);
  await expect(files()).resolves.toBe(2);
});

it("keeps neither the archive nor what was in it when that is refused", async () => {
  const der = devices[0]?.privateKey.export({ type: "pkcs8", format: "der" }) ?? Buffer.alloc(0);
  const pem = devices[0]?.privateKey.export({ type: "pkcs8", format: "pem" }).toString() ?? "";
  for (const [reason, archive] of [
    ["ContainsPrivateKey", await manifest7z(`${csv}x,D001,${der.toString("base64")}\n`, "D001.csv")],
    ["ContainsPrivateKey", await manifest7z(csv, "D001.csv", { alongside: { "zz.pem": pem } })],
    ["NotAManifest", await manifest7z("a,b\n", "D001.csv", { alongside: { "note.txt": "x" } })],
  ] as const) {
    const { manifest, files } = await fetched(archive);
    await expect(failureOf(Array.fromAsync(reading(manifest)))).resolves.toMatchObject({ reason });
    await expect(files()).resolves.toBe(0);
  }
});

it("says so when the cache has no room for what is in the archive", async () => {
  const archive = await manifest7z(csv, "D001.csv");
  const { manifest, files } = await fetched(archive, archive.length + csv.length - 1);
  const error = await failureOf(Array.fromAsync(reading(manifest)));
  expect(error).toMatchObject({ reason: "CacheFull", transient: true });
  await expect(files()).resolves.toBe(1);
});
