import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManifestError } from "../../errors.ts";
import { ArrayElements, type Element } from "./elements.ts";

const LIMITS = { maxRecordBytes: 4096 };

function elementsOf(bytes: Buffer, sizes: readonly number[], limits = LIMITS): Element[] {
  const reader = new ArrayElements(limits);
  const found: Element[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    found.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return [...found, ...reader.end()];
}

/** What it gives, or the ManifestError that it throws. */
function attempt<T>(work: () => T): T | ManifestError {
  try {
    return work();
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
}

const text = fc.string({ unit: "binary", maxLength: 40 });
const jws = fc.record({
  payload: text,
  protected: text,
  header: fc.record({ uniqueId: text }),
  signature: text,
});
const list = fc.array(jws, { minLength: 1, maxLength: 6 });
const sizes = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 4 });
const indent = fc.constantFrom(0, 2);

describe("ArrayElements", () => {
  it("gives every object, wherever the chunks end", () => {
    fc.assert(
      fc.property(list, sizes, indent, (entries, pieces, spaces) => {
        const bytes = Buffer.from(`\n ${JSON.stringify(entries, undefined, spaces)}\r\n`);
        expect(elementsOf(bytes, pieces)).toEqual(entries.map((value, index) => ({ row: index + 1, value })));
      }),
      { numRuns: 300 },
    );
  });

  it("loses no other object to one that is damaged, wherever the chunks end", () => {
    const slip = fc.constantFrom('"', "{", "}", "[", "]", "\\", ",", "x", "\n", ":", "\0");
    fc.assert(
      fc.property(
        list,
        sizes,
        indent,
        fc.nat(),
        fc.nat(),
        slip,
        (entries, pieces, spaces, which, at, char) => {
          const texts = entries.map((entry) => JSON.stringify(entry, undefined, spaces));
          const damaged = which % texts.length;
          const whole = texts[damaged] ?? "";
          // Not before the first member's name: what does not begin as a JWS is found to be none only later.
          const place = 12 + (at % (whole.length - 12));
          texts[damaged] = whole.slice(0, place) + char + whole.slice(place);
          const bytes = Buffer.from(`[${texts.join(",\n")}]`);
          const found = elementsOf(bytes, pieces);
          expect(found).toEqual(elementsOf(bytes, [bytes.length]));
          const values = found.flatMap((element) =>
            "value" in element ? [JSON.stringify(element.value)] : [],
          );
          const others = entries
            .filter((_, index) => index !== damaged)
            .map((entry) => JSON.stringify(entry));
          expect(values).toEqual(expect.arrayContaining(others));
          expect(found.map(({ row }) => row)).toEqual(found.map((_, index) => index + 1));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("throws nothing but ManifestErrors, and keeps no more than an object, whatever the bytes", () => {
    const pieces = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      '"',
      "\\",
      ",",
      '{"payload":',
      "[{",
      "}]",
      " ",
      "é",
      "1",
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.concat([Buffer.from("["), raw])),
      fc.array(pieces, { maxLength: 200 }).map((parts) => Buffer.from(parts.join(""))),
    );
    fc.assert(
      fc.property(bytes, sizes, (content, chunks) => {
        const outcome = attempt(() => elementsOf(content, chunks, { maxRecordBytes: 64 }));
        if (outcome instanceof ManifestError) return;
        expect(outcome.map(({ row }) => row)).toEqual(outcome.map((_, index) => index + 1));
      }),
      { numRuns: 1000 },
    );
  });

  it("does not go on for ever with a file in which every object is damaged", () => {
    const bytes = Buffer.from(`[${'{"payload":"'.repeat(200_000)}]`);
    const reader = new ArrayElements({ maxRecordBytes: 64 * 1024, maxRereadBytes: 1024 ** 2 });
    expect(() => reader.push(bytes)).toThrow("too many entries");
  });

  it("tells an object that is too long, and goes on at the next", () => {
    const long = JSON.stringify({ payload: "x".repeat(5000) });
    const found = elementsOf(Buffer.from(`[${long},{"payload":"y"}]`), [1000]);
    expect(found).toEqual([
      { row: 1, unreadable: expect.stringContaining("longer than 4 KiB") },
      { row: 2, value: { payload: "y" } },
    ]);
    expect(elementsOf(Buffer.from(`[${long}]`), [1000])).toHaveLength(1);
    expect(() => elementsOf(Buffer.from(`[${long.slice(0, -2)}`), [1000])).toThrow("truncated");
  });
});
