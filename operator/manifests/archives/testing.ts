import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestSource } from "../../../crds/index.ts";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { inspectManifest } from "../inspect.ts";
import { readManifest } from "../reader.ts";
import type { ManifestRecord, ManifestSummary, ReadLimits, ReadOptions, StoredManifest } from "../records.ts";
import { ManifestStore } from "../store/store.ts";
import { temporaryFolder } from "../testing.ts";

/** For tests: a store whose ConfigMaps hold these bytes, by key, and the folder that it keeps manifests in. */
export interface StoreBench extends AsyncDisposable {
  readonly store: ManifestStore;
  readonly dir: string;
  readonly content: Map<string, Uint8Array>;
  /** Another store on the same folder, as after a restart. */
  another(): ManifestStore;
  /** Files of the folder, unfinished ones too. */
  kept(): Promise<string[]>;
}

export async function storeBench(limits: Partial<ReadLimits> = {}): Promise<StoreBench> {
  const folder = await temporaryFolder();
  const dir = join(folder.path, "cache");
  const content = new Map<string, Uint8Array>();
  const another = (): ManifestStore =>
    new ManifestStore({
      dir,
      maxBytes: 1024 ** 3,
      maxManifestBytes: 1024 ** 3,
      limits,
      readConfigMap: (_, key) => {
        const bytes = content.get(key);
        return bytes === undefined ? Promise.reject(new Error("not found")) : Promise.resolve(bytes);
      },
      readSecret: () => Promise.reject(new Error("unused")),
      egress: new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} }),
      retryPauseMs: 1,
    });
  return {
    store: another(),
    dir,
    content,
    another,
    kept: () => readdir(dir),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** For tests: the source that the bench's content of this key is. */
export function keyed(key: string): ManifestSource {
  return { configMap: { name: "manifests", key } };
}

type Reading = Partial<ReadOptions> & { limits?: Partial<ReadLimits> };

/** For tests: everything that a manifest of these bytes gives when it comes through the store. */
export async function storedRecords(bytes: Uint8Array | string, options: Reading): Promise<ManifestRecord[]> {
  return throughStore(bytes, options, (manifest, reading, signal) =>
    Array.fromAsync(readManifest(manifest, reading, signal)),
  );
}

/** For tests: what a manifest of these bytes is as a whole when it comes through the store. */
export async function storedSummary(bytes: Uint8Array | string, options: Reading): Promise<ManifestSummary> {
  return throughStore(bytes, options, inspectManifest);
}

async function throughStore<T>(
  bytes: Uint8Array | string,
  options: Reading,
  use: (manifest: StoredManifest, options: ReadOptions, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  await using bench = await storeBench(options.limits);
  bench.content.set("m", Buffer.from(bytes));
  const signal = AbortSignal.timeout(60_000);
  const manifest = await bench.store.fetch(keyed("m"), {}, signal);
  // Awaited here, before the folder goes.
  return await use(manifest, { batchId: "D001", now: new Date(), ...options }, signal);
}
