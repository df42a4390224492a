import { prepareNested } from "../archives/nested.ts";
import { type PackedFile, unsealed } from "../archives/packed-file.ts";
import type { Scratch } from "../archives/scratch.ts";
import { SIGNATURE } from "../archives/seven-zip/start-header.ts";
import { NESTINGS } from "../formats/registry.ts";
import type { ReadLimits, StoredManifest } from "../records.ts";
import type { Slots } from "../slots.ts";
import type { FileCache } from "./cache.ts";
import { PartialFile, scratchIn } from "./scratch.ts";

export interface ArrivalOptions {
  readonly limits: ReadLimits;
  /** Archives that are unpacked at a time. */
  readonly unpacking: Slots;
}

/**
 * A manifest on its way into the cache. What is an archive may hold secrets (OPTIGA Trust M Express packs them with
 * the certificates), and is known to hold none only when it is whole. So it is written encrypted, under a key that
 * is in memory only, and then either copied as it is, or what may be kept of it is.
 */
export class Arrival implements AsyncDisposable {
  readonly #cache: FileCache;
  readonly #options: ArrivalOptions | undefined;
  #head: Buffer = Buffer.alloc(0);
  #file: PartialFile | undefined;
  #isArchive = false;

  /** @param options undefined for content of which it is known that it is no archive with secrets */
  constructor(cache: FileCache, options: ArrivalOptions | undefined) {
    this.#cache = cache;
    this.#options = options;
  }

  /** @throws ManifestError CacheFull */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#file !== undefined) return this.#file.write(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length >= SIGNATURE.length) await this.#begin();
  }

  /**
   * Takes it into the cache by its digest, and holds it.
   * @throws ManifestError where it is an archive that cannot be kept; see prepareNested
   */
  async keep(sha256: string, signal: AbortSignal): Promise<StoredManifest> {
    const file = this.#file ?? (await this.#begin());
    if (!this.#isArchive || this.#options === undefined) return file.keep(sha256);
    const { limits, unpacking } = this.#options;
    const leave = await unpacking.take(signal);
    try {
      const packed = await file.finished();
      const scratch = scratchIn(this.#cache);
      const nested = { sha256, limits, nestings: NESTINGS, scratch };
      await using kept =
        (await prepareNested(packed, nested, signal)) ?? (await copied(packed, scratch, signal));
      return await kept.keep(sha256);
    } finally {
      leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]();
  }

  async #begin(): Promise<PartialFile> {
    this.#isArchive =
      this.#options !== undefined && this.#head.subarray(0, SIGNATURE.length).equals(SIGNATURE);
    this.#file = await PartialFile.create(this.#cache, this.#isArchive);
    await this.#file.write(this.#head);
    return this.#file;
  }
}

async function copied(
  packed: PackedFile,
  scratch: Scratch<PartialFile>,
  signal: AbortSignal,
): Promise<PartialFile> {
  const copy = await scratch.create(false);
  try {
    for await (const bytes of unsealed(packed, signal)) await copy.write(bytes);
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}
