import { randomInt } from "node:crypto";

const PARTS = 256;
const MAX_LOAD = 0.95;
/** Small parts grow in few steps, for they cost little; of large ones little is left free. */
const SMALL = { slots: 512, growth: 1.5 };
const GROWTH = 1.1;

/**
 * A set of hashes, packed: one byte of a hash is implied by the part it lies in, the rest stands in typed
 * arrays. A 64-bit hash takes under 8 bytes, a 40-bit one under 5 (plus some 50 KiB).
 */
export class PackedHashSet {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS });
  readonly #wide: boolean;
  #size = 0;
  /** What was looked for last. */
  #part: Part | undefined;
  #low = 0;
  #high = 0;

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

  /** @param hash an even one; its two halves are taken at once, so it may be used again */
  has({ low, high }: Hash64): boolean {
    this.#part = this.#parts[high & 0xff] ??= new Part(this.#wide);
    // Zero marks a free slot.
    this.#low = low || 1;
    this.#high = this.#wide ? high >>> 8 : 0;
    return this.#part.has(this.#low, this.#high);
  }

  /** Adds what `has` was asked for last, and did not find. */
  addSought(): void {
    this.#part?.addSought(this.#low, this.#high);
    this.#part = undefined;
    this.#size += 1;
  }

  /** @returns whether it was not there before */
  add(hash: Hash64): boolean {
    if (this.has(hash)) return false;
    this.addSought();
    return true;
  }
}

/**
 * Hashes in ascending order with gaps: each stands where its value says in proportion, or as soon behind that as
 * there was room. So a search ends at the first larger one, also where the slots are almost all taken.
 */
class Part {
  readonly #wide: boolean;
  /** Slots that values are spread over; the arrays have some more at their end, for what is pushed on. */
  #capacity = 8;
  #arrays: Arrays;
  #count = 0;
  /** Where the last search ended: the place of what was not found. */
  #sought = 0;

  constructor(wide: boolean) {
    this.#wide = wide;
    this.#arrays = arraysOf(this.#capacity + spareOf(this.#capacity), wide);
  }

  get bytes(): number {
    return this.#arrays.low.buffer.byteLength;
  }

  has(low: number, high: number): boolean {
    const { low: lows, high: highs, top: tops } = this.#arrays;
    let slot = this.#home(low);
    for (; slot < lows.length; slot += 1) {
      const there = lows[slot] ?? 0;
      if (there < low && there !== 0) continue;
      if (there !== low) break;
      if (!this.#wide || (tops[slot] ?? 0) * 0x10000 + (highs[slot] ?? 0) === high) return true;
    }
    this.#sought = slot;
    return false;
  }

  addSought(low: number, high: number): void {
    const { low: lows, high: highs, top: tops } = this.#arrays;
    const slot = this.#sought;
    const free = lows.indexOf(0, slot);
    if (free < 0) {
      // The last ones were pushed on to the very end of the arrays.
      this.#rebuild(this.#capacity, lows.length + spareOf(this.#capacity));
      if (!this.has(low, high)) this.addSought(low, high);
      return;
    }
    lows.copyWithin(slot + 1, slot, free);
    lows[slot] = low;
    if (this.#wide) {
      highs.copyWithin(slot + 1, slot, free);
      tops.copyWithin(slot + 1, slot, free);
      highs[slot] = high & 0xffff;
      tops[slot] = high >>> 16;
    }
    this.#count += 1;
    if (this.#count < this.#capacity * MAX_LOAD - 1) return;
    const growth = this.#capacity < SMALL.slots ? SMALL.growth : GROWTH;
    const capacity = Math.ceil(this.#capacity * growth);
    this.#rebuild(capacity, capacity + spareOf(capacity));
  }

  #home(low: number): number {
    return Math.floor((low / 2 ** 32) * this.#capacity);
  }

  /** Spreads what is there over other arrays: in its order, so each finds its place at once. */
  #rebuild(capacity: number, length: number): void {
    const before = this.#arrays;
    this.#capacity = capacity;
    this.#arrays = this.#spread(before, length);
    // Given back at once: until the next collection these would add up to many times what is in use.
    before.low.buffer.transfer(0);
  }

  #spread(before: Arrays, length: number): Arrays {
    const { low: lows, high: highs, top: tops } = before;
    const after = arraysOf(length, this.#wide);
    let next = 0;
    for (let slot = 0; slot < lows.length; slot += 1) {
      const low = lows[slot] ?? 0;
      if (low === 0) continue;
      const place = Math.max(next, this.#home(low));
      if (place >= length) return this.#spread(before, place + lows.length - slot + spareOf(length));
      after.low[place] = low;
      if (this.#wide) {
        after.high[place] = highs[slot] ?? 0;
        after.top[place] = tops[slot] ?? 0;
      }
      next = place + 1;
    }
    return after;
  }
}

/** Slots behind those that values are spread over: for what is pushed on. */
function spareOf(capacity: number): number {
  return 12 + (capacity >>> 6);
}

/** Views of one buffer: the lower 32 bits of each hash, the next 16, and 8 more. */
interface Arrays {
  readonly low: Uint32Array<ArrayBuffer>;
  readonly high: Uint16Array<ArrayBuffer>;
  readonly top: Uint8Array<ArrayBuffer>;
}

function arraysOf(length: number, wide: boolean): Arrays {
  const rest = wide ? length : 0;
  const buffer = new ArrayBuffer(4 * length + 3 * rest);
  return {
    low: new Uint32Array(buffer, 0, length),
    high: new Uint16Array(buffer, 4 * length, rest),
    top: new Uint8Array(buffer, 4 * length + 2 * rest, rest),
  };
}

/** 64 bits, as two numbers of 32 that are not negative. */
export interface Hash64 {
  readonly low: number;
  readonly high: number;
}

/** The beginning of a digest in hex, of 16 digits at least. */
export function hashOfDigest(digest: string): Hash64 {
  return { low: numberIn(digest, 0, 8), high: numberIn(digest, 8, 16) };
}

/** The number that the hex digits in a text are; without the strings that Number.parseInt would have to be given. */
function numberIn(digest: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const code = digest.charCodeAt(at);
    // "0" to "9" are 0x30 to 0x39, "a" to "f" 0x61 to 0x66, "A" to "F" 0x41 to 0x46.
    number = number * 16 + (code < 0x40 ? code - 0x30 : (code & 0x0f) + 9);
  }
  return number;
}

/**
 * Hashes short texts in a tenth of the time of SHA-256: each code unit is mixed into two halves, which are stirred
 * once more at the end (the rotations and multipliers of MurmurHash3, by Austin Appleby, who put it in the public
 * domain). It begins with random numbers, so that nobody can write texts that meet.
 */
export class TextHash implements Hash64 {
  low = 0;
  high = 0;
  readonly #seeds: Hash64;

  constructor(seeds: Hash64 = { low: randomInt(2 ** 32), high: randomInt(2 ** 32) }) {
    this.#seeds = seeds;
  }

  /** @returns itself, with the hash of this text */
  of(text: string): this {
    let { low, high } = this.#seeds;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      low = Math.imul(low ^ unit, 0xcc9e2d51);
      low = (low << 15) | (low >>> 17);
      high = Math.imul(high ^ unit, 0x1b873593);
      high = (high << 13) | (high >>> 19);
    }
    low = stirred(low ^ text.length);
    high = stirred(high ^ low);
    this.low = stirred(low ^ high) >>> 0;
    this.high = high >>> 0;
    return this;
  }
}

function stirred(half: number): number {
  let bits = half;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
