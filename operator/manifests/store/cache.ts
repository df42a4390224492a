import { createHash } from "node:crypto";
import { createReadStream, renameSync } from "node:fs";
import { chmod, mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isPreparedFrom } from "../archives/prepared/read.ts";
import { ManifestError } from "../errors.ts";
import { byteSize } from "../printable.ts";
import type { StoredManifest } from "../records.ts";

export interface CacheOptions {
  dir: string;
  maxBytes: number;
  clock: { now(): number };
}

interface CachedFile {
  bytes: number;
  holds: number;
  /** Whether the content is what the name says; asked once in the life of this process. */
  verified?: Promise<boolean>;
}

/** A manifest's digest, or a pack of one (pack/layout.ts), whose content tells by itself whether it is whole. */
const NAME = /^(?:pack-)?[0-9a-f]{64}$/;
const PACK = "pack-";
const PARTIAL = /^\.partial-(\d+)-/;

/**
 * Files by their SHA-256 in one folder that is this process's own. Files that are held stay; the others go,
 * the least recently used first, when room is needed.
 */
export class FileCache {
  readonly #options: CacheOptions;
  /** In the order of use: the first is the least recent. */
  readonly #files = new Map<string, CachedFile>();
  /** Files on their way out, by name: none of that name is put there before it has gone. */
  readonly #leaving = new Map<string, Promise<void>>();
  #fileBytes = 0;
  #partialBytes = 0;
  #partials = 0;
  #opened: Promise<void> | undefined;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  /** Makes the folder, and takes over what an earlier process left in it; its unfinished files are removed. */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      // A disk that was full or not mounted yet may be there at the next try.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Holds a file that is there and whose content is what its name says. */
  async hold(sha256: string, signal: AbortSignal): Promise<StoredManifest | undefined> {
    const file = this.#files.get(sha256);
    if (file === undefined) return undefined;
    file.holds += 1;
    file.verified ??= sha256.startsWith(PACK) ? Promise.resolve(true) : this.#verify(sha256, file);
    const sound = (await file.verified) && (await isThere(this.#path(sha256)));
    // Somebody may have removed it in between.
    const good = sound && this.#files.get(sha256) === file;
    if (!good || signal.aborted) file.holds -= 1;
    if (!good) await this.#remove(sha256, file);
    signal.throwIfAborted();
    if (!good) return undefined;
    this.#files.delete(sha256);
    this.#files.set(sha256, file);
    const now = this.#options.clock.now() / 1000;
    await utimes(this.#path(sha256), now, now).catch(() => {});
    return this.#handle(sha256, file);
  }

  /** A path for a file that is being written; `discardPartial` or `keep` must follow. */
  newPartial(): string {
    this.#partials += 1;
    return join(this.#options.dir, `.partial-${process.pid}-${this.#partials}`);
  }

  /**
   * Room for more bytes of unfinished files.
   * @throws ManifestError CacheFull
   */
  async reserve(bytes: number): Promise<void> {
    this.#partialBytes += bytes;
    for (const [sha256, file] of this.#files) {
      if (this.#used() <= this.#options.maxBytes) return;
      if (file.holds === 0) await this.#remove(sha256, file);
    }
    if (this.#used() <= this.#options.maxBytes) return;
    throw new ManifestError(
      "CacheFull",
      `the manifest cache (${byteSize(this.#options.maxBytes)}) is full of manifests in use`,
      { transient: true },
    );
  }

  async discardPartial(path: string, bytes: number): Promise<void> {
    this.#partialBytes -= bytes;
    await rm(path, { force: true });
  }

  /** Takes a finished file into the cache and holds it. */
  async keep(path: string, sha256: string, bytes: number): Promise<StoredManifest> {
    for (let going = this.#leaving.get(sha256); going !== undefined; going = this.#leaving.get(sha256)) {
      await going;
    }
    // At once: between the two, another could remove what was just put there.
    renameSync(path, this.#path(sha256));
    this.#partialBytes -= bytes;
    const file = this.#files.get(sha256) ?? { bytes: 0, holds: 0 };
    this.#fileBytes += bytes - file.bytes;
    file.bytes = bytes;
    file.verified = Promise.resolve(true);
    file.holds += 1;
    this.#files.delete(sha256);
    this.#files.set(sha256, file);
    return this.#handle(sha256, file);
  }

  #handle(sha256: string, file: CachedFile): StoredManifest {
    let held = true;
    return {
      sha256,
      path: this.#path(sha256),
      bytes: file.bytes,
      release: () => {
        if (held) file.holds -= 1;
        held = false;
        return Promise.resolve();
      },
      discard: () => this.#remove(sha256, file),
    };
  }

  /** Removes a file at once, whoever holds it. */
  async remove(sha256: string): Promise<void> {
    const file = this.#files.get(sha256);
    if (file !== undefined) await this.#remove(sha256, file);
  }

  async #open(): Promise<void> {
    const { dir } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    const found: { sha256: string; bytes: number; usedAt: number }[] = [];
    for (const name of await readdir(dir)) {
      const path = join(dir, name);
      const writer = PARTIAL.exec(name)?.[1];
      if (writer !== undefined && !isAnotherRunning(Number(writer))) await rm(path, { force: true });
      if (!NAME.test(name)) continue;
      const { size, mtimeMs } = await stat(path);
      found.push({ sha256: name, bytes: size, usedAt: mtimeMs });
    }
    for (const { sha256, bytes } of found.toSorted((a, b) => a.usedAt - b.usedAt)) {
      this.#files.set(sha256, { bytes, holds: 0 });
      this.#fileBytes += bytes;
    }
    await this.reserve(0);
  }

  async #verify(sha256: string, file: CachedFile): Promise<boolean> {
    const hash = createHash("sha256");
    try {
      await pipeline(createReadStream(this.#path(sha256), { highWaterMark: 1024 * 1024 }), hash);
      const { size } = await stat(this.#path(sha256));
      if (this.#files.get(sha256) === file) this.#fileBytes += size - file.bytes;
      file.bytes = size;
    } catch {
      return false;
    }
    return hash.digest("hex") === sha256 || isPreparedFrom(this.#path(sha256), sha256);
  }

  async #remove(sha256: string, file: CachedFile): Promise<void> {
    if (this.#files.get(sha256) !== file) return this.#leaving.get(sha256);
    this.#files.delete(sha256);
    this.#fileBytes -= file.bytes;
    const going = rm(this.#path(sha256), { force: true }).finally(() => this.#leaving.delete(sha256));
    this.#leaving.set(sha256, going);
    await going;
  }

  #used(): number {
    return this.#fileBytes + this.#partialBytes;
  }

  #path(sha256: string): string {
    return join(this.#options.dir, sha256);
  }
}

/** In a container every process before this one had the same number. */
function isAnotherRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
