import { hash } from "node:crypto";

const PARTS = 256;
const MAX_LOAD = 0.96;
const GROWTH = 1.08;

/**
 * A set of hashes, packed: one byte of a hash is implied by the part it lies in, the rest stands in typed
 * arrays with linear probing. A 64-bit hash takes under 8 bytes, a 40-bit one under 5 (plus some 100 KiB).
 */
export class PackedHashSet {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS });
  readonly #wide: boolean;
  #size = 0;

  /** @param bits 64 where a hit is final, 40 where hits are looked at once more */
  constructor(bits: 40 | 64) {
    this.#wide = bits === 64;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the typed arrays. */
  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
  }

  /** @param digest at least 8 bytes of an even hash */
  has(digest: Buffer): boolean {
    return this.#part(digest).find(lowOf(digest), this.#highOf(digest)) < 0;
  }

  /** @returns whether it was not there before */
  add(digest: Buffer): boolean {
    const added = this.#part(digest).add(lowOf(digest), this.#highOf(digest));
    if (added) this.#size += 1;
    return added;
  }

  #part(digest: Buffer): Part {
    const index = digest.readUInt8(7);
    return (this.#parts[index] ??= new Part(this.#wide));
  }

  #highOf(digest: Buffer): number {
    return this.#wide ? digest.readUIntBE(4, 3) : 0;
  }
}

class Part {
  readonly #wide: boolean;
  #low = new Uint32Array(8);
  #high: Uint16Array;
  #top: Uint8Array;
  #count = 0;

  constructor(wide: boolean) {
    this.#wide = wide;
    this.#high = new Uint16Array(wide ? 8 : 0);
    this.#top = new Uint8Array(wide ? 8 : 0);
  }

  get bytes(): number {
    return this.#low.byteLength + this.#high.byteLength + this.#top.byteLength;
  }

  /** @returns the free slot where it belongs, or -1 if it is there already */
  find(low: number, high: number): number {
    const capacity = this.#low.length;
    let slot = Math.floor((low / 2 ** 32) * capacity);
    for (;;) {
      const there = this.#low[slot];
      if (there === 0) return slot;
      if (there === low && this.#highAt(slot) === high) return -1;
      slot = slot + 1 === capacity ? 0 : slot + 1;
    }
  }

  add(low: number, high: number): boolean {
    const slot = this.find(low, high);
    if (slot < 0) return false;
    this.#put(slot, low, high);
    this.#count += 1;
    if (this.#count > this.#low.length * MAX_LOAD - 1) this.#grow();
    return true;
  }

  #highAt(slot: number): number {
    return this.#wide ? (this.#top[slot] ?? 0) * 0x10000 + (this.#high[slot] ?? 0) : 0;
  }

  #put(slot: number, low: number, high: number): void {
    this.#low[slot] = low;
    if (!this.#wide) return;
    this.#high[slot] = high & 0xffff;
    this.#top[slot] = high >>> 16;
  }

  #grow(): void {
    const [lows, highs, tops] = [this.#low, this.#high, this.#top];
    const capacity = Math.ceil(lows.length * GROWTH) + 4;
    this.#low = new Uint32Array(capacity);
    this.#high = new Uint16Array(this.#wide ? capacity : 0);
    this.#top = new Uint8Array(this.#wide ? capacity : 0);
    for (let slot = 0; slot < lows.length; slot += 1) {
      const low = lows[slot] ?? 0;
      if (low === 0) continue;
      const high = this.#wide ? (tops[slot] ?? 0) * 0x10000 + (highs[slot] ?? 0) : 0;
      this.#put(this.find(low, high), low, high);
    }
  }
}

/** Zero marks a free slot. */
function lowOf(digest: Buffer): number {
  return digest.readUInt32BE(0) || 1;
}

/** A digest of a text, for PackedHashSet. */
export function digestOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
