import type { FileHandle } from "node:fs/promises";
import type { ManifestRecord, ManifestSummary } from "../records.ts";
import { type Block, blockDigest, encodeIndex, MAGIC } from "./layout.ts";
import { mostBytesOf, writeRecord } from "./records.ts";

/** A block is read and checked as a whole: large enough to be quick, small enough to skip over. */
const BLOCK_BYTES = 128 * 1024;

/** Writes records into a file that becomes a pack when it is finished. */
export class PackWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #reserve: (bytes: number) => Promise<void>;
  readonly #blocks: Block[] = [];
  /** The block that is being put together, and how much of it there is. */
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  /** The one that is being written meanwhile, or is free. */
  #other = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #writing: Promise<void> = Promise.resolve();
  #used = 0;
  #count = 0;
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
      const most = mostBytesOf(record);
      if (this.#used + most > this.#block.length) await this.#emit();
      if (most > this.#block.length) this.#block = Buffer.allocUnsafeSlow(most);
      this.#used = writeRecord(record, this.#block, this.#used);
      this.#count += 1;
    }
  }

  /** Writes what is pending as a block; all blocks can be read when it resolves. */
  async flush(): Promise<void> {
    await this.#emit();
    await this.#writing;
  }

  /** Has what is pending written as a block, while the next one is put together. */
  async #emit(): Promise<void> {
    await this.#writing;
    if (this.#count === 0) return;
    if (this.#end === 0) await this.#write(MAGIC);
    const block = this.#block.subarray(0, this.#used);
    this.#blocks.push({
      first: this.#records,
      count: this.#count,
      offset: this.#end,
      bytes: block.length,
      digest: blockDigest(block),
    });
    this.#records += this.#count;
    this.#count = 0;
    this.#used = 0;
    [this.#block, this.#other] = [this.#other, this.#block];
    this.#writing = this.#write(block);
    // Whoever waits for it next is told that it has failed.
    this.#writing.catch(() => undefined);
  }

  /** Writes the rest. */
  async finish(key: string, summary: ManifestSummary): Promise<void> {
    await this.flush();
    await this.#write(encodeIndex(key, { blocks: this.#blocks, summary }));
  }

  /** Waits for what is being written, however that ends: before its file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#reserve(bytes.length);
    await this.#file.writeFile(bytes);
    this.#end += bytes.length;
  }
}
