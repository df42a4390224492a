import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../runtime/clock.ts";
import { ByteBudget } from "./byte-budget.ts";

const never = new AbortController().signal;

describe("ByteBudget", () => {
  it("never lets out more than its burst and what was earned meanwhile, in whatever pieces it is asked", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            bytes: fc.integer({ min: 1, max: 5_000 }),
            afterMs: fc.integer({ min: 0, max: 2_000 }),
          }),
          {
            maxLength: 20,
          },
        ),
        async (takes) => {
          const clock = new ManualClock();
          const budget = new ByteBudget(1_000, 3_000, clock);
          const start = clock.now();
          let given = 0;
          let last = 0;
          for (const { bytes, afterMs } of takes) {
            await clock.advance(afterMs);
            const taken = budget.take(bytes, never);
            while (clock.pending > 0) await clock.advance(clock.nextIn ?? 0);
            await taken;
            given += bytes;
            last = bytes;
            // The last one may have been started on credit; the next waits for it.
            expect(given - last).toBeLessThanOrEqual(3_000 + (clock.now() - start) + 1);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("saves up no more than its burst", async () => {
    const clock = new ManualClock();
    const budget = new ByteBudget(1_000, 3_000, clock);
    await clock.advance(3_600_000);
    await budget.take(3_000, never);
    let taken = false;
    const next = budget.take(500, never).then(() => (taken = true));
    await clock.advance(490);
    expect(taken).toBe(false);
    await clock.advance(20);
    await next;
    expect(taken).toBe(true);
  });

  it("makes several wait one after the other, and lets go of who gives up", async () => {
    const clock = new ManualClock();
    const budget = new ByteBudget(1_000, 1, clock);
    const order: string[] = [];
    const give = new AbortController();
    const first = budget.take(1_001, never).then(() => order.push("first"));
    const second = budget.take(1_000, give.signal);
    const third = budget.take(1_000, never).then(() => order.push("third"));
    give.abort(new Error("gave up"));
    await expect(second).rejects.toThrow("gave up");
    await clock.advance(3_100);
    await Promise.all([first, third]);
    expect(order).toEqual(["first", "third"]);
  });
});
