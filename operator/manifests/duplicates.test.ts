import { describe, expect, it } from "vitest";
import { type Hash64, hashOfDigest, PackedHashSet, TextHash } from "./duplicates.ts";

const COUNT = 60_000;
const text = new TextHash({ low: 1, high: 2 });

describe("PackedHashSet", () => {
  it.each([40, 64] as const)("knows what was added, with %i bits", (bits) => {
    const set = new PackedHashSet(bits);
    for (let index = 0; index < COUNT; index += 1) expect(set.add(text.of(`device ${index}`))).toBe(true);
    expect(set.size).toBe(COUNT);
    for (let index = 0; index < COUNT; index += 1) expect(set.has(text.of(`device ${index}`))).toBe(true);
    for (let index = 0; index < COUNT; index += 1) expect(set.has(text.of(`other ${index}`))).toBe(false);
    expect(set.add(text.of("device 17"))).toBe(false);
    expect(set.size).toBe(COUNT);
  });

  it("takes less than 17 bytes a device for its certificate and its id together, also as it grows", () => {
    const set = new PackedHashSet(64);
    let most = 0;
    for (let index = 0; index < 260_000; index += 1) {
      set.add(text.of(`device ${index}`));
      if (index > 200_000 && index % 500 === 0) most = Math.max(most, (2 * set.bytes) / index);
    }
    expect(most).toBeGreaterThan(14);
    expect(most).toBeLessThan(17);
  });

  it("tells hashes apart that differ in any one byte, zeros included", () => {
    const set = new PackedHashSet(64);
    const zeros = Buffer.alloc(8);
    expect(set.add(hashOfDigest(zeros.toString("hex")))).toBe(true);
    for (let at = 0; at < 8; at += 1) {
      const other = Buffer.from(zeros);
      other[at] = 2;
      expect(set.add(hashOfDigest(other.toString("hex")))).toBe(true);
    }
    expect(set.size).toBe(9);
  });

  it("copes with hashes that all want the same slot", () => {
    const set = new PackedHashSet(64);
    const crowded = (index: number): Hash64 => ({ low: 0xffffffff, high: text.of(`${index}`).high & ~0xff });
    for (let index = 0; index < 2000; index += 1) set.add(crowded(index));
    expect(set.size).toBe(2000);
    for (let index = 0; index < 2000; index += 1) expect(set.has(crowded(index))).toBe(true);
    expect(set.has(crowded(2001))).toBe(false);
  });
});

describe("the hash of a text", () => {
  it("differs in every bit about half of the time, whichever bit of the text differs", () => {
    const words = Array.from({ length: 200 }, (_, index) => `DEVICE-${index}-0A1B2C3D`);
    for (let at = 0; at < 16; at += 3) {
      for (let bit = 0; bit < 7; bit += 1) {
        const flips = Array.from({ length: 64 }, () => 0);
        for (const word of words) {
          const other = `${word.slice(0, at)}${String.fromCharCode(word.charCodeAt(at) ^ (1 << bit))}${word.slice(at + 1)}`;
          const [one, two] = [bitsOf(word), bitsOf(other)];
          for (let place = 0; place < 64; place += 1)
            if (one[place] !== two[place]) flips[place] = (flips[place] ?? 0) + 1;
        }
        expect(Math.min(...flips)).toBeGreaterThan(60);
        expect(Math.max(...flips)).toBeLessThan(140);
      }
    }
  });

  it("meets no more often in 32 bits than chance has it: texts that count up, and in either half", () => {
    const halves = { low: new Set<number>(), high: new Set<number>() };
    for (let index = 0; index < 200_000; index += 1) {
      const { low, high } = text.of(`SN${String(index).padStart(10, "0")}`);
      halves.low.add(low);
      halves.high.add(high);
    }
    // Chance: 200,000 ** 2 / 2 ** 33, that is 4.7; more than 20 is as good as never.
    expect(200_000 - halves.low.size).toBeLessThan(20);
    expect(200_000 - halves.high.size).toBeLessThan(20);
  });

  it("is another one in another set: nobody can write texts that meet", () => {
    const [one, two] = [new TextHash().of("D001"), new TextHash().of("D001")];
    expect([one.low, one.high]).not.toEqual([two.low, two.high]);
  });
});

function bitsOf(word: string): string {
  const { low, high } = text.of(word);
  return low.toString(2).padStart(32, "0") + high.toString(2).padStart(32, "0");
}
