import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pace, type PaceSignal } from "./pace.ts";

const half = (): number => 0.5;

const signal: fc.Arbitrary<PaceSignal> = fc.oneof(
  fc.record({
    kind: fc.constant("answered" as const),
    devices: fc.integer({ min: 1, max: 300 }),
    tookMs: fc.integer({ min: 1, max: 40_000 }),
    throttled: fc.constantFrom(0, 0, 0, 1, 10),
  }),
  fc.record({
    kind: fc.constant("throttled" as const),
    retryAfterMs: fc.constantFrom(undefined, 0, 3_000, 1e12),
  }),
  fc.constant({ kind: "timedOut" as const }),
  fc.record({ kind: fc.constant("tooLarge" as const), devices: fc.integer({ min: 1, max: 300 }) }),
  fc.constant({ kind: "unavailable" as const }),
);

describe("Pace", () => {
  it("stays within people's ceilings and always lets something through, whatever it hears", () => {
    fc.assert(
      fc.property(
        fc.array(signal, { maxLength: 60 }),
        fc.record({
          devicesPerSecond: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
          maxInFlight: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
          maxDevicesPerRequest: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
        }),
        (signals, limits) => {
          const pace = new Pace(half);
          pace.limit(limits);
          let now = 1_000_000;
          for (const each of signals) {
            now += 10;
            pace.learn(each, now, now - 5);
            expect(pace.size).toBeGreaterThanOrEqual(1);
            expect(pace.size).toBeLessThanOrEqual(limits.maxDevicesPerRequest ?? 250);
            expect(pace.inFlight).toBeGreaterThanOrEqual(1);
            expect(pace.inFlight).toBeLessThanOrEqual(limits.maxInFlight ?? 8);
            expect(pace.pausedUntil - now).toBeLessThanOrEqual(15 * 60_000);
          }
        },
      ),
    );
  });

  it("grows while answers come quickly, and shrinks when they come slowly", () => {
    const pace = new Pace(half);
    const start = pace.size;
    for (let i = 0; i < 4; i += 1)
      pace.learn({ kind: "answered", devices: pace.size, tookMs: 200, throttled: 0 }, i, i);
    const grown = pace.size;
    expect(grown).toBeGreaterThan(start);
    pace.learn({ kind: "answered", devices: grown, tookMs: 15_000, throttled: 0 }, 10, 9);
    expect(pace.size).toBeLessThan(grown);
  });

  it("obeys Retry-After, and sends one request at a time until an answer comes", () => {
    const pace = new Pace(half);
    pace.learn({ kind: "throttled", retryAfterMs: 7_000 }, 1_000, 900);
    expect(pace.pausedUntil).toBe(8_000);
    expect(pace.inFlight).toBe(1);
    pace.learn({ kind: "answered", devices: 5, tookMs: 100, throttled: 0 }, 8_100, 8_000);
    expect(pace.trouble).toBe(0);
  });

  it("holds devicesPerSecond: requests leave no sooner than their devices allow", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 30 }), (sizes) => {
        const pace = new Pace(half);
        pace.limit({ devicesPerSecond: 10 });
        const leaves = sizes.map((devices) => pace.reserve(devices, 0));
        const sent = sizes.slice(0, -1).reduce((sum, devices) => sum + devices, 0);
        expect(leaves.at(-1)).toBeCloseTo(sent * 100, 5);
      }),
    );
  });

  it("waits longer after each refusal in a row, up to a minute", () => {
    const pace = new Pace(() => 0.999_999);
    const waits = Array.from({ length: 12 }, () => {
      const now = pace.pausedUntil + 1;
      pace.learn({ kind: "unavailable" }, now, now);
      return pace.pausedUntil - now;
    });
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(waits[3]).toBeGreaterThan(3_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  });
});

describe("Pace, where a cloud hides in a 200 that it throttles", () => {
  const answered = (devices: number, throttled: number) =>
    ({ kind: "answered", devices, tookMs: 100, throttled }) as const;

  it("takes what was let in of late for what the cloud bears", () => {
    const pace = new Pace(half);
    expect(pace.rate).toBe(Infinity);
    for (let at = 0; at < 2_000; at += 100) pace.learn(answered(2, 0), at, at);
    pace.learn(answered(20, 10), 2_000, 1_900);
    expect(pace.rate).toBeGreaterThan(20);
    expect(pace.rate).toBeLessThan(25);
    expect(pace.pausedUntil).toBeLessThanOrEqual(2_000);
    const first = pace.reserve(10, 2_000);
    expect(pace.reserve(10, 2_000) - first).toBeCloseTo(10_000 / pace.rate, 5);
  });

  it("cuts once for what was under way together, grows again slowly, and stays below people's ceiling", () => {
    const pace = new Pace(half);
    pace.learn(answered(20, 10), 1_000, 900);
    const cut = pace.rate;
    pace.learn(answered(20, 20), 1_010, 905);
    expect(pace.rate).toBe(cut);
    pace.learn(answered(5, 0), 2_000, 1_900);
    expect(pace.rate).toBeCloseTo(cut * 1.1, 1);
    pace.limit({ devicesPerSecond: 3 });
    expect(pace.rate).toBe(3);
  });

  it("takes a few refusals among many devices for their own fault", () => {
    const pace = new Pace(half);
    for (let at = 0; at < 5_000; at += 100) pace.learn(answered(50, 1), at, at);
    expect(pace.rate).toBe(Infinity);
  });

  it("waits when nothing at all is let in, longer each time, but not long for one device alone where others got in", () => {
    const pace = new Pace(half);
    for (let i = 0; i < 12; i += 1) pace.learn(answered(5, 5), pace.pausedUntil, pace.pausedUntil);
    expect(pace.pausedUntil).toBeGreaterThan(60_000);
    const before = pace.pausedUntil;
    pace.learn(answered(5, 0), before, before);
    for (let i = 0; i < 12; i += 1) pace.learn(answered(1, 1), pace.pausedUntil, pace.pausedUntil);
    const last = pace.pausedUntil;
    pace.learn(answered(1, 1), last, last);
    expect(pace.pausedUntil - last).toBeLessThanOrEqual(2_000);
  });
});
