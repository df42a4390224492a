import { type FileHandle, open } from "node:fs/promises";
import {
  type Block,
  blockDigest,
  decodeIndex,
  MAGIC,
  type PackIndex,
  TRAILER_BYTES,
  trailerSizes,
} from "./layout.ts";
import { decodeRecords, type PackedRecord } from "./records.ts";

/** A pack whose bytes are not those that were written: it is of no use any more. */
export class PackDamaged extends Error {
  override readonly name = "PackDamaged";
}

/**
 * Reads what a pack says of itself.
 * @param key what it must be of
 * @returns undefined when it is damaged, another's, or of another version
 */
export async function readIndex(path: string, key: string): Promise<PackIndex | undefined> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const magic = await bytesAt(file, 0, MAGIC.length);
  const trailer = await bytesAt(file, Math.max(0, size - TRAILER_BYTES), TRAILER_BYTES);
  const sizes = trailerSizes(trailer, size);
  if (sizes === undefined || !magic.equals(MAGIC)) return undefined;
  const headAt = size - TRAILER_BYTES - sizes.head;
  const tableAt = headAt - sizes.table;
  const table = await bytesAt(file, tableAt, sizes.table);
  const head = await bytesAt(file, headAt, sizes.head);
  return decodeIndex({ table, head, trailer }, key, tableAt - MAGIC.length);
}

/**
 * The records of blocks, a block at a time. What is skipped is not even read where a whole block is.
 * @param skip asked for each ordinal, right before its block is read
 * @throws PackDamaged; the signal's reason when it aborts
 */
export async function* readBlocks(
  path: string,
  blocks: readonly Block[],
  skip: (ordinal: number) => boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly PackedRecord[]> {
  await using file = await open(path, "r");
  for (const block of blocks) {
    signal.throwIfAborted();
    if (isSkipped(block, skip)) continue;
    const bytes = await bytesAt(file, block.offset, block.bytes);
    if (blockDigest(bytes) !== block.digest) throw new PackDamaged("a block is not as it was written");
    yield decodeRecords(bytes, block.first, skip);
  }
}

function isSkipped({ first, count }: Block, skip: (ordinal: number) => boolean): boolean {
  for (let ordinal = first; ordinal < first + count; ordinal += 1) if (!skip(ordinal)) return false;
  return true;
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
