import { hash } from "node:crypto";
import { open } from "node:fs/promises";
import { ManifestError } from "../errors.ts";
import { inspectManifest } from "../inspect.ts";
import type { PackIndex } from "../pack/layout.ts";
import { PackDamaged, readBlocks, readIndex } from "../pack/reader.ts";
import type { PackedRecord } from "../pack/records.ts";
import { PackWriter } from "../pack/writer.ts";
import { readBatches } from "../reader.ts";
import type { ManifestRecord, ManifestSummary, ReadOptions, StoredManifest } from "../records.ts";
import type { FileCache } from "./cache.ts";
import { SharedWork } from "./shared.ts";

/** A manifest that was read to its end once and found good: what it holds, at hand. Held until it is released. */
export interface ValidatedManifest {
  readonly sha256: string;
  readonly summary: ManifestSummary;
  /**
   * Its records, devices and refused entries, some at a time and in the manifest's order.
   * @param skip asked for each ordinal shortly before; whole stretches that are skipped cost nothing
   * @throws ManifestError SourceUnavailable where the file in the cache was damaged; the signal's reason
   */
  records(signal: AbortSignal, skip?: (ordinal: number) => boolean): AsyncIterable<readonly PackedRecord[]>;
  /** Safe to call twice. */
  release(): Promise<void>;
}

/** What a validated manifest is of, and how it is had where it is not at hand. */
export interface ValidatedQuery {
  /** The manifest's digest, where it is known before it is fetched. */
  readonly sha256: string | undefined;
  readonly options: ReadOptions;
  readonly fetch: () => Promise<StoredManifest>;
  /** Awaited when the manifest is there, and before it is read; what it gives is called at the end. */
  readonly turn?: () => Promise<() => void>;
}

export interface ValidatedOptions {
  readonly cache: FileCache;
  /** Holds a manifest of the cache, to be read. */
  readonly read: (sha256: string, signal: AbortSignal) => Promise<StoredManifest | undefined>;
}

interface Made {
  readonly summary: ManifestSummary;
  /** Undefined where the cache had no room for it. */
  readonly pack: StoredManifest | undefined;
}

/**
 * Manifests that were parsed once: a pack of each (see pack/layout.ts) is kept in the cache beside the manifest, by
 * the digest of the manifest and all that its reading depends on, the instant above all. Later readings, also those
 * of the next process, are from there.
 */
export class ValidatedManifests {
  readonly #cache: FileCache;
  readonly #read: ValidatedOptions["read"];
  readonly #running = new SharedWork<Made>();
  /** Of the packs that are at hand; it goes with what is held of it. */
  readonly #indexes = new Map<string, { index: PackIndex; holds: number }>();

  constructor(options: ValidatedOptions) {
    this.#cache = options.cache;
    this.#read = options.read;
  }

  /** @throws ManifestError; the signal's reason when it aborts */
  async get(query: ValidatedQuery, signal: AbortSignal): Promise<ValidatedManifest> {
    const { sha256, options } = query;
    const known = sha256 === undefined ? undefined : await this.#held(sha256, options, signal);
    if (known !== undefined) return known;
    const manifest = await query.fetch();
    let leave = (): void => {};
    let kept = false;
    try {
      leave = (await query.turn?.()) ?? leave;
      const there = await this.#held(manifest.sha256, options, signal);
      if (there !== undefined) return there;
      const key = keyOf(manifest.sha256, options);
      const work = (stop: AbortSignal): Promise<Made> => this.#make(key, manifest.sha256, options, stop);
      const use = async ({ summary }: Made): Promise<ValidatedManifest> => {
        const packed = await this.#held(manifest.sha256, options, signal);
        kept = packed === undefined;
        return packed ?? unpacked(manifest, summary, options);
      };
      return await this.#running.run(key, signal, work, use, ({ pack }) => pack?.release());
    } finally {
      leave();
      if (!kept) await manifest.release();
    }
  }

  async #held(
    sha256: string,
    options: ReadOptions,
    signal: AbortSignal,
  ): Promise<ValidatedManifest | undefined> {
    const key = keyOf(sha256, options);
    const pack = await this.#cache.hold(nameOf(key), signal);
    if (pack === undefined) return undefined;
    const index = await this.#index(key, pack);
    if (index === undefined) {
      await pack.discard?.();
      await pack.release();
      return undefined;
    }
    let held = true;
    return {
      sha256,
      summary: index.summary,
      records: (stop, skip = none) => fromPack(pack, index, skip, stop),
      release: async () => {
        if (held) this.#forget(key);
        held = false;
        await pack.release();
      },
    };
  }

  /** Read once for all who hold it: that of a million records takes some megabytes. */
  async #index(key: string, pack: StoredManifest): Promise<PackIndex | undefined> {
    const known = this.#indexes.get(key);
    const index = known?.index ?? (await readIndex(pack.path, key).catch(() => undefined));
    if (index === undefined) return undefined;
    const now = this.#indexes.get(key) ?? { index, holds: 0 };
    now.holds += 1;
    this.#indexes.set(key, now);
    return now.index;
  }

  #forget(key: string): void {
    const known = this.#indexes.get(key);
    if (known === undefined) return;
    known.holds -= 1;
    if (known.holds === 0) this.#indexes.delete(key);
  }

  async #make(key: string, sha256: string, options: ReadOptions, stop: AbortSignal): Promise<Made> {
    const manifest = await this.#read(sha256, stop);
    if (manifest === undefined) {
      throw new ManifestError("SourceUnavailable", "the manifest left the cache before it was read", {
        transient: true,
      });
    }
    try {
      return await this.#pack(key, manifest, options, stop);
    } finally {
      await manifest.release();
    }
  }

  async #pack(key: string, manifest: StoredManifest, options: ReadOptions, stop: AbortSignal): Promise<Made> {
    const path = this.#cache.newPartial();
    let reserved = 0;
    let full = false;
    const fill = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        if (!(error instanceof ManifestError && error.reason === "CacheFull")) throw error;
        full = true;
        // Others may need what it took.
        await this.#cache.discardPartial(path, reserved);
        reserved = 0;
      }
    };
    let pack: StoredManifest | undefined;
    try {
      await using file = await open(path, "wx+", 0o600);
      await using writer = new PackWriter(file, async (bytes) => {
        reserved += bytes;
        await this.#cache.reserve(bytes);
      });
      // Where there is no room for it, the manifest is good all the same: it is then parsed at each reading.
      const add = async (records: readonly ManifestRecord[]): Promise<void> => {
        if (!full) await fill(writer.add(records));
      };
      const again = async function* (): AsyncGenerator<readonly PackedRecord[]> {
        if (!full) await fill(writer.flush());
        if (full) yield* readBatches(manifest, options, stop, () => {});
        else yield* readBlocks(path, writer.blocks, none, stop);
      };
      const summary = await inspectManifest(manifest, options, stop, { add, again });
      if (!full) await fill(writer.finish(key, summary));
      if (!full) pack = await this.#cache.keep(path, nameOf(key), reserved);
      return { summary, pack };
    } finally {
      if (pack === undefined) await this.#cache.discardPartial(path, reserved);
    }
  }
}

function none(): boolean {
  return false;
}

/** All that a reading's records depend on, in a fixed order. */
function keyOf(sha256: string, options: ReadOptions): string {
  const { now, batchId, limits, ...choices } = options;
  const sorted = (values: object): unknown[] =>
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    sha256,
    batchId.toLowerCase(),
    now.toISOString(),
    sorted(choices),
    sorted(limits ?? {}),
  ]);
}

function nameOf(key: string): string {
  return `pack-${hash("sha256", key, "hex")}`;
}

async function* fromPack(
  pack: StoredManifest,
  index: PackIndex,
  skip: (ordinal: number) => boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly PackedRecord[]> {
  try {
    yield* readBlocks(pack.path, index.blocks, skip, signal);
  } catch (cause) {
    const gone = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (!(cause instanceof PackDamaged) && !gone) throw cause;
    await pack.discard?.();
    const message = "what was kept of the manifest in the operator's cache was damaged, and is made anew";
    throw new ManifestError("SourceUnavailable", message, { transient: true, cause });
  }
}

function unpacked(
  manifest: StoredManifest,
  summary: ManifestSummary,
  options: ReadOptions,
): ValidatedManifest {
  return {
    sha256: manifest.sha256,
    summary,
    async *records(signal, skip = none) {
      for await (const batch of readBatches(manifest, options, signal, () => {})) {
        yield batch.filter(({ ordinal }) => !skip(ordinal));
      }
    },
    release: () => manifest.release(),
  };
}
