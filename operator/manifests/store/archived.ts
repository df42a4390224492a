import { createHash } from "node:crypto";
import { isPreparedFrom } from "../archives/prepared/read.ts";
import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { StoredManifest } from "../records.ts";
import { ArchiveKeeper } from "./archive/keeper.ts";
import type { ManifestArchive } from "./archive/port.ts";
import type { FileCache } from "./cache.ts";
import { PartialFile } from "./scratch.ts";

export interface ArchivedOptions {
  readonly archive: ManifestArchive;
  readonly cache: FileCache;
  /** Told of each manifest that could not be put there, and of each that was there and not what it should be. */
  readonly failed: (sha256: string, error: unknown) => void;
  /** For one manifest; 30 min unless given. */
  readonly deadlineMs?: number;
  readonly pauseMs?: number;
}

/** Validated manifests, kept in an archive and got back from there by their digest. */
export class ArchivedManifests {
  readonly #options: ArchivedOptions;
  readonly #keeper: ArchiveKeeper;

  constructor(options: ArchivedOptions) {
    this.#options = options;
    const { archive, cache, failed, deadlineMs, pauseMs } = options;
    this.#keeper = new ArchiveKeeper({
      archive,
      hold: (sha256, signal) => cache.hold(sha256, signal),
      failed,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
  }

  get where(): string {
    return this.#options.archive.where;
  }

  /** Sees to it that a manifest of the cache is in the archive, in the background. */
  keep(sha256: string): void {
    this.#keeper.offer(sha256);
  }

  /**
   * Brings a manifest back into the cache, and holds it.
   * @returns undefined where it is not in the archive, or what is there is something else
   * @throws ManifestError SourceUnavailable where the archive cannot be read, CacheFull
   */
  async bringBack(sha256: string, stop: AbortSignal): Promise<StoredManifest | undefined> {
    const { archive, cache, failed, deadlineMs = 30 * 60_000 } = this.#options;
    const signal = AbortSignal.any([stop, AbortSignal.timeout(deadlineMs)]);
    try {
      const bytes = await archive.get(sha256, signal);
      if (bytes === undefined) return undefined;
      await using file = await PartialFile.create(cache, false);
      const hash = createHash("sha256");
      for await (const chunk of bytes) {
        hash.update(chunk);
        await file.write(chunk);
      }
      const { path } = await file.finished();
      if (hash.digest("hex") === sha256 || (await isPreparedFrom(path, sha256)))
        return await file.keep(sha256);
      this.#keeper.doubt(sha256);
      failed(sha256, new Error(`what ${archive.where} holds under this digest has another one`));
      return undefined;
    } catch (cause) {
      stop.throwIfAborted();
      if (cause instanceof ManifestError) throw cause;
      const why = cause instanceof Error ? printable(cause.message, 200) : "unknown error";
      throw new ManifestError(
        "SourceUnavailable",
        `the archive of manifests (${archive.where}) cannot be read: ${why}`,
        { transient: true, cause },
      );
    }
  }

  async close(): Promise<void> {
    await this.#keeper.close();
    await this.#options.archive.close();
  }
}
