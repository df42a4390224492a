import { isDeepStrictEqual } from "node:util";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { sameJson } from "./json.ts";

const LEAF = fc.oneof(fc.constantFrom<unknown>(undefined, null, true, 0, 1, "", "a"), fc.string());
const VALUE = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    LEAF,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "toString", "__proto__"), tie("value"), { maxKeys: 3 }),
  ),
})).value;

function written(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

describe("sameJson", () => {
  it("says whether two values are written as the same JSON", () => {
    fc.assert(
      fc.property(VALUE, VALUE, (a, b) => {
        expect(sameJson(a, b)).toBe(isDeepStrictEqual(written(a), written(b)));
        expect(sameJson(a, written(a))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("takes an absent member for an undefined one, and no order for a difference", () => {
    expect(sameJson({ a: 1, b: undefined, c: [{ d: 1, e: 2 }] }, { c: [{ e: 2, d: 1 }], a: 1 })).toBe(true);
    expect(sameJson({ a: 1 }, { a: 1, b: null })).toBe(false);
    expect(sameJson([1, 2], [2, 1])).toBe(false);
    expect(sameJson(undefined, {})).toBe(false);
  });
});
