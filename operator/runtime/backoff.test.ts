import fc from "fast-check";
import { expect, it } from "vitest";

import { Backoff } from "./backoff.ts";

const OPTIONS = fc.record({
  baseMs: fc.integer({ min: 1, max: 1_000 }),
  maxMs: fc.integer({ min: 1_000, max: 1_000_000 }),
  factor: fc.double({ min: 1, max: 4, noNaN: true }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});

it("delays stay between (1 - jitter) times and once the step, which grows up to the maximum", () => {
  fc.assert(
    fc.property(OPTIONS, fc.integer({ min: 1, max: 2_000 }), fc.nat(999), (o, failures, chance) => {
      const delay = new Backoff({ ...o, random: () => chance / 1_000 }).delay(failures);
      const full = new Backoff({ ...o, jitter: 0 }).delay(failures);
      expect(full).toBe(Math.min(o.maxMs, o.baseMs * o.factor ** (failures - 1)));
      expect(delay).toBeLessThanOrEqual(full);
      expect(delay).toBeGreaterThanOrEqual(full * (1 - o.jitter) - 1e-6);
    }),
  );
});
