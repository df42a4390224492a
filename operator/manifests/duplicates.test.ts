import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { digestOf, PackedHashSet } from "./duplicates.ts";

const COUNT = 60_000;

describe("PackedHashSet", () => {
  it.each([40, 64] as const)("knows what was added, with %i bits", (bits) => {
    const set = new PackedHashSet(bits);
    for (let index = 0; index < COUNT; index += 1) expect(set.add(digestOf(`device ${index}`))).toBe(true);
    expect(set.size).toBe(COUNT);
    for (let index = 0; index < COUNT; index += 1) expect(set.has(digestOf(`device ${index}`))).toBe(true);
    for (let index = 0; index < COUNT; index += 1) expect(set.has(digestOf(`other ${index}`))).toBe(false);
    expect(set.add(digestOf("device 17"))).toBe(false);
    expect(set.size).toBe(COUNT);
  });

  it("takes less than 16 bytes a device for its certificate and its id together, also as it grows", () => {
    const set = new PackedHashSet(64);
    let most = 0;
    for (let index = 0; index < 260_000; index += 1) {
      set.add(digestOf(`device ${index}`));
      if (index > 200_000 && index % 500 === 0) most = Math.max(most, (2 * set.bytes) / index);
    }
    expect(most).toBeGreaterThan(14);
    expect(most).toBeLessThan(16);
  });

  it("tells hashes apart that differ in any one byte, zeros included", () => {
    const set = new PackedHashSet(64);
    const zeros = Buffer.alloc(8);
    expect(set.add(zeros.toString("hex"))).toBe(true);
    for (let at = 0; at < 8; at += 1) {
      const other = Buffer.from(zeros);
      other[at] = 2;
      expect(set.add(other.toString("hex"))).toBe(true);
    }
    expect(set.size).toBe(9);
  });

  it("copes with hashes that all want the same slot", () => {
    const set = new PackedHashSet(64);
    const crowded = (index: number): string => {
      const digest = createHash("sha256").update(`${index}`).digest();
      digest.fill(0xff, 0, 4);
      digest[7] = 0;
      return digest.toString("hex");
    };
    for (let index = 0; index < 2000; index += 1) set.add(crowded(index));
    expect(set.size).toBe(2000);
    for (let index = 0; index < 2000; index += 1) expect(set.has(crowded(index))).toBe(true);
    expect(set.has(crowded(2001))).toBe(false);
  });
});
