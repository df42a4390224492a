import { ManifestError } from "../errors.ts";
import type { ListedFile } from "./seven-zip/listing.ts";

const PIECE_BYTES = 1024 * 1024;
const HEAD_BYTES = 8;
/** In all; some five million files. */
const MAX_BYTES = 192 * 1024 * 1024;

/** Names and sizes of an archive's files, packed: some 35 bytes each, outside of the heap. */
export class FileIndex {
  readonly #full: Buffer[] = [];
  #piece = Buffer.alloc(PIECE_BYTES);
  #used = 0;

  /** @throws ManifestError ManifestTooLarge where there are too many */
  add({ name, size }: ListedFile): void {
    const named = Buffer.from(name);
    const needed = HEAD_BYTES + named.length;
    if (this.#used + needed > PIECE_BYTES) this.#nextPiece();
    this.#piece.writeUInt16LE(named.length, this.#used);
    this.#piece.writeUIntLE(Math.min(size, 2 ** 48 - 1), this.#used + 2, 6);
    named.copy(this.#piece, this.#used + HEAD_BYTES);
    this.#used += needed;
  }

  *files(): Generator<{ name: string; size: number }> {
    for (const piece of [...this.#full, this.#piece.subarray(0, this.#used)]) {
      for (let at = 0; at < piece.length;) {
        const end = at + HEAD_BYTES + piece.readUInt16LE(at);
        yield { name: piece.toString("utf8", at + HEAD_BYTES, end), size: piece.readUIntLE(at + 2, 6) };
        at = end;
      }
    }
  }

  *sizes(): Generator<number> {
    for (const { size } of this.files()) yield size;
  }

  #nextPiece(): void {
    if ((this.#full.length + 1) * PIECE_BYTES >= MAX_BYTES) {
      throw new ManifestError("ManifestTooLarge", "the archive holds more files than can be kept in mind");
    }
    this.#full.push(this.#piece.subarray(0, this.#used));
    this.#piece = Buffer.alloc(PIECE_BYTES);
    this.#used = 0;
  }
}
