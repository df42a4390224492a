import type { Cipheriv } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { PackedFile } from "../archives/packed-file.ts";
import { newSealKey, type SealKey, sealing } from "../archives/seal.ts";
import type { Scratch, ScratchFile } from "../archives/scratch.ts";
import type { StoredManifest } from "../records.ts";
import type { FileCache } from "./cache.ts";

/** Unfinished files of the cache, for what is made of an archive. */
export function scratchIn(cache: FileCache): Scratch<PartialFile> {
  return { create: (sealed) => PartialFile.create(cache, sealed) };
}

/** A file of the cache that is being written: plain, or sealed. It is removed unless it is kept. */
export class PartialFile implements ScratchFile {
  readonly #cache: FileCache;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #seal: SealKey | undefined;
  readonly #cipher: Cipheriv | undefined;
  #bytes = 0;
  #reserved = 0;
  #gone = false;

  private constructor(cache: FileCache, path: string, handle: FileHandle, seal: SealKey | undefined) {
    this.#cache = cache;
    this.#path = path;
    this.#handle = handle;
    this.#seal = seal;
    this.#cipher = seal === undefined ? undefined : sealing(seal);
  }

  static async create(cache: FileCache, sealed: boolean): Promise<PartialFile> {
    const path = cache.newPartial();
    return new PartialFile(cache, path, await open(path, "wx", 0o600), sealed ? newSealKey() : undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#reserved += bytes.length;
    await this.#cache.reserve(bytes.length);
    await this.#handle.writeFile(this.#cipher === undefined ? bytes : this.#cipher.update(bytes));
    this.#bytes += bytes.length;
  }

  async finished(): Promise<PackedFile> {
    await this.#handle.close();
    const seal = this.#seal === undefined ? {} : { seal: this.#seal };
    return { path: this.#path, bytes: this.#bytes, ...seal };
  }

  /** Takes it into the cache by this digest, and holds it. Only what is not sealed is kept. */
  async keep(sha256: string): Promise<StoredManifest> {
    await this.finished();
    this.#gone = true;
    return this.#cache.keep(this.#path, sha256, this.#bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    await this.#handle.close();
    await this.#cache.discardPartial(this.#path, this.#reserved);
  }
}
