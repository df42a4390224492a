import { hash } from "node:crypto";
import type { ManifestSummary } from "../records.ts";

/*
 * A pack, as docs/adr/0017 describes it:
 *
 *   "certferry pack 2\n"   17 bytes
 *   blocks                 records, one after the other (records.ts)
 *   table                  32 bytes a block: first ordinal, records, bytes (each 4), a part of its SHA-256 (20)
 *   head                   JSON: the key that it is of, and the summary
 *   trailer                bytes of the table and of the head (4 each), SHA-256 of magic, table and head (32)
 */
export const MAGIC = Buffer.from("certferry pack 2\n");
export const TRAILER_BYTES = 40;
const ROW_BYTES = 32;
const DIGEST_BYTES = 20;
/** A head holds colliding serial numbers, 100,000 at most, and some lines more. */
const MAX_HEAD_BYTES = 16 * 1024 ** 2;
/** Of two billion records. */
const MAX_TABLE_BYTES = 512 * 1024 ** 2;

export interface Block {
  readonly first: number;
  readonly count: number;
  /** Where its bytes are in the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly digest: string;
}

export interface PackIndex {
  readonly blocks: readonly Block[];
  readonly summary: ManifestSummary;
}

/** A part of a block's SHA-256, in hex: long enough that none is found by chance or by trying. */
export function blockDigest(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex").slice(0, 2 * DIGEST_BYTES);
}

/** What follows the blocks. */
export function encodeIndex(key: string, { blocks, summary }: PackIndex): Buffer {
  const table = Buffer.alloc(blocks.length * ROW_BYTES);
  for (const [index, { first, count, bytes, digest }] of blocks.entries()) {
    const at = index * ROW_BYTES;
    table.writeUInt32BE(first, at);
    table.writeUInt32BE(count, at + 4);
    table.writeUInt32BE(bytes, at + 8);
    table.write(digest, at + 12, "hex");
  }
  const collidingSerials = [...summary.collidingSerials];
  const head = Buffer.from(JSON.stringify({ key, summary: { ...summary, collidingSerials } }));
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(table.length, 0);
  sizes.writeUInt32BE(head.length, 4);
  return Buffer.concat([table, head, sizes, indexDigest(table, head)]);
}

function indexDigest(table: Uint8Array, head: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([MAGIC, table, head]), "buffer");
}

/** Sizes that a trailer tells; undefined where they cannot be a pack's of so many bytes. */
export function trailerSizes(
  trailer: Buffer,
  fileBytes: number,
): { table: number; head: number } | undefined {
  if (trailer.length !== TRAILER_BYTES) return undefined;
  const [table, head] = [trailer.readUInt32BE(0), trailer.readUInt32BE(4)];
  const fits = MAGIC.length + table + head + TRAILER_BYTES <= fileBytes;
  const possible = table % ROW_BYTES === 0 && table <= MAX_TABLE_BYTES && head <= MAX_HEAD_BYTES;
  return fits && possible ? { table, head } : undefined;
}

/**
 * Reads a pack's index.
 * @param key what the pack must be of
 * @param blockBytes bytes of all blocks together, by the file's size
 * @returns undefined when anything about it is not as it was written, or it is another's
 */
export function decodeIndex(
  parts: { table: Buffer; head: Buffer; trailer: Buffer },
  key: string,
  blockBytes: number,
): PackIndex | undefined {
  const { table, head, trailer } = parts;
  if (!trailer.subarray(8).equals(indexDigest(table, head))) return undefined;
  const said = JSON.parse(head.toString("utf8")) as {
    key: string;
    summary: Omit<ManifestSummary, "collidingSerials"> & { collidingSerials: string[] };
  };
  if (said.key !== key) return undefined;
  const blocks: Block[] = [];
  let offset = MAGIC.length;
  for (let at = 0; at < table.length; at += ROW_BYTES) {
    const bytes = table.readUInt32BE(at + 8);
    const digest = table.toString("hex", at + 12, at + ROW_BYTES);
    blocks.push({ first: table.readUInt32BE(at), count: table.readUInt32BE(at + 4), offset, bytes, digest });
    offset += bytes;
  }
  if (offset !== MAGIC.length + blockBytes) return undefined;
  return {
    blocks,
    summary: { ...said.summary, collidingSerials: new Set(said.summary.collidingSerials) },
  };
}
