import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ManualClock, systemClock } from "./clock.ts";

describe("ManualClock", () => {
  it("fires timers in the order of their times, and of their setting when these are the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 30 }), async (delays) => {
        const clock = new ManualClock(0);
        const fired: { at: number; delay: number; order: number }[] = [];
        for (const [order, delay] of delays.entries()) {
          clock.setTimeout(() => fired.push({ at: clock.now(), delay, order }), delay);
        }
        await clock.advance(50);
        expect(fired).toEqual(fired.toSorted((a, b) => a.delay - b.delay || a.order - b.order));
        expect(fired.map(({ at }) => at)).toEqual(fired.map(({ delay }) => delay));
        expect(fired).toHaveLength(delays.length);
      }),
      { numRuns: 50 },
    );
  });

  it("fires a timer that was set by what a timer woke, when it is due too", async () => {
    const clock = new ManualClock(1_000);
    const seen: number[] = [];
    const work = (async () => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        seen.push(clock.now());
      }
    })();
    await clock.advance(25);
    expect(seen).toEqual([1_010, 1_020]);
    await clock.advance(5);
    await work;
    expect(seen).toEqual([1_010, 1_020, 1_030]);
  });

  it("does not fire what was cancelled", async () => {
    const clock = new ManualClock();
    let fired = false;
    const timer = clock.setTimeout(() => {
      fired = true;
    }, 5);
    timer.cancel();
    await clock.advance(10);
    expect(fired).toBe(false);
    expect(clock.pending).toBe(0);
  });
});

describe.each([
  ["ManualClock", new ManualClock()],
  ["systemClock", systemClock],
])("sleep of %s", (_name, clock) => {
  it("rejects with the signal's reason when it is aborted, before or meanwhile", async () => {
    await expect(clock.sleep(60_000, AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
    const abort = new AbortController();
    const sleeping = clock.sleep(60_000, abort.signal);
    abort.abort(new Error("meanwhile"));
    await expect(sleeping).rejects.toThrow("meanwhile");
  });
});

it("the system clock takes delays longer than Node's timers do", async () => {
  let fired = false;
  const timer = systemClock.setTimeout(() => {
    fired = true;
  }, 2 ** 40);
  await systemClock.sleep(5);
  timer.cancel();
  expect(fired).toBe(false);
});
