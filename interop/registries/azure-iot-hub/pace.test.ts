import { describe, expect, it } from "vitest";
import { createPace } from "./pace.ts";
import { createPatience } from "./patience.ts";
import { createTestClock } from "./testing/clock.ts";

const { signal } = new AbortController();

describe("a pace", () => {
  it("without a ceiling holds up nobody", async () => {
    const clock = createTestClock();
    const pace = createPace({ clock, patienceMs: 1000 });
    for (let call = 0; call < 100; call += 1) expect(await pace.take(signal)).toBe(0);
    expect(clock.slept()).toBe(0);
  });

  it.each([
    [0.5, 8, 14_000],
    [100 / 60, 20, 11_000],
    [50, 150, 2000],
  ])("of %d a second lets %d calls go in no less than %d ms, and in little more", async (rate, calls, ms) => {
    const clock = createTestClock();
    const pace = createPace({ clock, perSecond: rate, patienceMs: 1000 });
    for (let call = 0; call < calls; call += 1) await pace.take(signal);
    expect(clock.slept()).toBeGreaterThanOrEqual(ms - 1000);
    expect(clock.slept()).toBeLessThanOrEqual(ms + 1000);
  });

  it("keeps the pause that was asked for, if it is short; else says how long it is", async () => {
    const clock = createTestClock();
    const pace = createPace({ clock, patienceMs: 5000 });
    pace.hold(4000);
    expect(await pace.take(signal)).toBe(0);
    expect(clock.slept()).toBe(4000);
    pace.hold(20_000);
    expect(await pace.take(signal)).toBe(20_000);
    expect(clock.slept()).toBe(4000);
  });

  it("is over when the signal fires", async () => {
    const controller = new AbortController();
    controller.abort();
    const pace = createPace({ clock: createTestClock(), perSecond: 0.1, patienceMs: 5000 });
    pace.hold(4000);
    expect(await pace.take(controller.signal)).toBe(0);
  });
});

describe("patience", () => {
  const failure = { meaning: "Transient", reason: "" } as const;

  it("waits twice as long each time, up to eight seconds, and ends", async () => {
    const clock = createTestClock();
    const patience = createPatience({ clock, attempts: 8, firstWaitMs: 500, patienceMs: 15_000 });
    const waits: number[] = [];
    for (let at = 0; await patience.again(failure, signal); at = clock.slept())
      waits.push(clock.slept() - at);
    // Chance is in the middle of its range: three quarters.
    expect(waits).toEqual([375, 750, 1500, 3000, 6000, 6000, 6000]);
  });

  it("adds what the hub asks for, unless that is too long", async () => {
    const clock = createTestClock();
    const patience = createPatience({ clock, attempts: 8, firstWaitMs: 500, patienceMs: 15_000 });
    expect(await patience.again({ ...failure, retryAfterMs: 10_000 }, signal)).toBe(true);
    expect(clock.slept()).toBe(10_375);
    expect(await patience.again({ ...failure, retryAfterMs: 15_001 }, signal)).toBe(false);
    expect(clock.slept()).toBe(10_375);
  });
});
