import fc from "fast-check";
import { expect, it } from "vitest";
import { AnyOf } from "./any-of.ts";

/** Few letters, so that needles overlap, repeat themselves and each other, and are often there. */
const letters = (min: number, max: number): fc.Arbitrary<Buffer> =>
  fc.array(fc.constantFrom(0, 0x41, 0xff), { minLength: min, maxLength: max }).map((all) => Buffer.from(all));

it("finds what Buffer's own search finds, one needle after the other", () => {
  fc.assert(
    fc.property(
      fc.array(letters(2, 6), { minLength: 1, maxLength: 4 }),
      letters(0, 60),
      letters(0, 5),
      (needles, bytes, after) => {
        const search = new AnyOf(needles);
        const within = (text: Buffer): boolean => needles.some((needle) => text.includes(needle));
        expect(search.isIn(bytes)).toBe(within(bytes));
        const planted = Buffer.concat([bytes, needles[0] ?? bytes, after]);
        expect(search.isIn(planted)).toBe(true);
      },
    ),
    { numRuns: 3_000 },
  );
});
