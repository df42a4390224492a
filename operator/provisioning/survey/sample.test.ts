import fc from "fast-check";
import { expect, it } from "vitest";
import { FAILURE_REASONS, failed, PENDING, PROVISIONED, QUARANTINED } from "../ledger/states.ts";
import { sampleOf } from "./sample.ts";

const STATES = [PENDING, PROVISIONED, PROVISIONED, PROVISIONED, QUARANTINED, failed(FAILURE_REASONS[0])];

it("asks only about devices that are called provisioned, never about one twice, and about no more than it may", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...STATES), { maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(1_000),
      (states, most, round) => {
        const cut = Math.floor(states.length / 3);
        const chunks = [
          { first: cut, states: Uint8Array.from(states.slice(cut)) },
          { first: 0, states: Uint8Array.from(states.slice(0, cut)) },
        ];
        const sample = sampleOf(chunks, most, round);
        const provisioned = states.filter((state) => state === PROVISIONED).length;
        expect(sample).toHaveLength(Math.min(most, provisioned));
        expect(new Set(sample).size).toBe(sample.length);
        expect(sample).toEqual(sample.toSorted((a, b) => a - b));
        expect(sample.every((ordinal) => states[ordinal] === PROVISIONED)).toBe(true);
      },
    ),
  );
});

it("meets everybody in as many rounds as one leaves out for each that it asks about", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 700 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(1_000),
      (n, most, from) => {
        const chunks = [{ first: 0, states: new Uint8Array(n).fill(PROVISIONED) }];
        const met = new Set<number>();
        for (let round = 0; round < Math.ceil(n / most); round += 1) {
          for (const ordinal of sampleOf(chunks, most, from + round)) met.add(ordinal);
        }
        expect(met.size).toBe(n);
      },
    ),
  );
});

it("spreads a round over the whole reel", () => {
  const chunks = [{ first: 0, states: new Uint8Array(100_000).fill(PROVISIONED) }];
  const sample = sampleOf(chunks, 100, 7);
  expect([sample[0], sample.at(-1)]).toEqual([7, 99_007]);
});
