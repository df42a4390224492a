import type { ArchiveContent, ArchiveFile } from "../formats/port.ts";
import { ManifestError } from "../errors.ts";
import type { OpenArchive, StoredManifest, UnpackedArchive } from "../records.ts";
import type { Slots } from "../slots.ts";
import type { FileCache } from "./cache.ts";
import { SharedWork } from "./shared.ts";
import { spool } from "./spool.ts";

/** Archives of which it is remembered where their content is. */
const REMEMBERED = 1_000;

interface Made {
  readonly file: StoredManifest;
  readonly files: readonly ArchiveFile[];
}

/**
 * The content of archives, all files in one, in the cache: unpacked once for all readers, at the disk's pace
 * and not at that of a product cloud.
 */
export class UnpackedArchives {
  readonly #cache: FileCache;
  /** By the archive's digest. */
  readonly #known = new Map<string, { sha256: string; files: readonly ArchiveFile[] }>();
  readonly #running = new SharedWork<Made>();
  readonly #slots: Slots;

  /** @param slots for each archive that is unpacked */
  constructor(cache: FileCache, slots: Slots) {
    this.#cache = cache;
    this.#slots = slots;
  }

  /**
   * Holds an archive's content.
   * @param archive its digest
   * @throws ManifestError as `open` does, CacheFull, ContainsPrivateKey; the signal's reason when it aborts
   */
  async hold(archive: string, open: OpenArchive, signal: AbortSignal): Promise<UnpackedArchive> {
    const known = this.#known.get(archive);
    const held = known === undefined ? undefined : await this.#cache.hold(known.sha256, signal);
    if (known !== undefined && held !== undefined) return unpacked(held, known.files);
    return this.#running.run(
      archive,
      signal,
      (stop) => this.#make(archive, open, stop),
      async ({ file: { sha256 }, files }) => {
        const made = await this.#cache.hold(sha256, signal);
        if (made !== undefined) return unpacked(made, files);
        throw new ManifestError("SourceUnavailable", "the unpacked manifest left the cache as it was made", {
          transient: true,
        });
      },
      ({ file }) => file.release(),
    );
  }

  /** Removes an archive's content at once, whoever holds it. */
  async discard(archive: string): Promise<void> {
    const known = this.#known.get(archive);
    this.#known.delete(archive);
    if (known !== undefined) await this.#cache.remove(known.sha256);
  }

  async #make(archive: string, open: OpenArchive, stop: AbortSignal): Promise<Made> {
    const leave = await this.#slots.take(stop);
    try {
      await using content: ArchiveContent & AsyncDisposable = await open(stop);
      const source = { where: "the archive", bytes: () => content.bytes(stop) };
      // The archive was measured by its own limits as it was opened.
      const file = await spool(source, this.#cache, { maxManifestBytes: Infinity, retryPauseMs: 0 }, stop);
      this.#remember(archive, file.sha256, content.files);
      return { file, files: content.files };
    } finally {
      leave();
    }
  }

  #remember(archive: string, sha256: string, files: readonly ArchiveFile[]): void {
    this.#known.delete(archive);
    this.#known.set(archive, { sha256, files });
    const oldest = this.#known.keys().next();
    if (this.#known.size > REMEMBERED && !oldest.done) this.#known.delete(oldest.value);
  }
}

function unpacked(file: StoredManifest, files: readonly ArchiveFile[]): UnpackedArchive {
  return { path: file.path, files, release: () => file.release() };
}
