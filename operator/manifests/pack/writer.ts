import type { FileHandle } from "node:fs/promises";
import type { ManifestRecord, ManifestSummary } from "../records.ts";
import { type Block, blockDigest, encodeIndex, MAGIC } from "./layout.ts";
import { encodeRecord } from "./records.ts";

/** A block is read and checked as a whole: large enough to be quick, small enough to skip over. */
const BLOCK_BYTES = 128 * 1024;

/** Writes records into a file that becomes a pack when it is finished. */
export class PackWriter {
  readonly #file: FileHandle;
  readonly #reserve: (bytes: number) => Promise<void>;
  readonly #blocks: Block[] = [];
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #records = 0;
  #end = 0;

  /** @param reserve called with the bytes of each write, before it */
  constructor(file: FileHandle, reserve: (bytes: number) => Promise<void>) {
    this.#file = file;
    this.#reserve = reserve;
  }

  /** Blocks that are written, and can be read back. */
  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /** @throws what `reserve` throws, or the file system */
  async add(records: readonly ManifestRecord[]): Promise<void> {
    for (const record of records) {
      const bytes = encodeRecord(record);
      this.#pending.push(bytes);
      this.#pendingBytes += bytes.length;
    }
    if (this.#pendingBytes >= BLOCK_BYTES) await this.flush();
  }

  /** Writes what is pending as a block. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    if (this.#end === 0) await this.#write(MAGIC);
    const block = Buffer.concat(this.#pending);
    this.#blocks.push({
      first: this.#records,
      count: this.#pending.length,
      offset: this.#end,
      bytes: block.length,
      digest: blockDigest(block),
    });
    this.#records += this.#pending.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#write(block);
  }

  /** Writes the rest. */
  async finish(key: string, summary: ManifestSummary): Promise<void> {
    await this.flush();
    await this.#write(encodeIndex(key, { blocks: this.#blocks, summary }));
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#reserve(bytes.length);
    await this.#file.writeFile(bytes);
    this.#end += bytes.length;
  }
}
