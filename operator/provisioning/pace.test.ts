import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Departure, Pace, type PaceLimits, type PaceSignal } from "./pace.ts";

const half = (): number => 0.5;

const signal: fc.Arbitrary<PaceSignal> = fc.oneof(
  fc.record({
    kind: fc.constant("answered" as const),
    tookMs: fc.integer({ min: 1, max: 40_000 }),
    admitted: fc.integer({ min: 0, max: 300 }),
    refused: fc.constantFrom(0, 0, 0, 1, 10),
    late: fc.constantFrom(0, 0, 0, 1, 5),
    barren: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("throttled" as const),
    retryAfterMs: fc.constantFrom(undefined, 0, 3_000, 1e12),
  }),
  fc.constant({ kind: "timedOut" as const }),
  fc.constant({ kind: "tooLarge" as const }),
  fc.record({ kind: fc.constant("unavailable" as const), hopeless: fc.boolean() }),
);

const ceilings: fc.Arbitrary<PaceLimits> = fc.record({
  devicesPerSecond: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  maxInFlight: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  maxDevicesPerRequest: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
});

/** Sends as soon as it may; each request ends in turn with one of the signals. */
function send(pace: Pace, signals: readonly PaceSignal[], each: (left: Departure) => void): void {
  let now = 1_000_000;
  const underWay: Departure[] = [];
  for (const next of signals) {
    const { size } = pace;
    now = Math.max(now + 1, pace.mayLeave(size, now));
    if (!pace.hasRoom(size, now)) {
      const [first] = underWay.splice(0, 1);
      if (first !== undefined) pace.ended(first, next, now);
      continue;
    }
    const left = pace.leaves(size, now);
    each(left);
    underWay.push(left);
  }
}

function answered(admitted: number, more: Partial<Extract<PaceSignal, { kind: "answered" }>> = {}) {
  return {
    kind: "answered",
    tookMs: 100,
    admitted,
    refused: 0,
    late: 0,
    barren: admitted === 0,
    ...more,
  } as const;
}

describe("Pace", () => {
  it("stays within people's ceilings and always lets something through, whatever it hears", () => {
    fc.assert(
      fc.property(fc.array(signal, { maxLength: 200 }), ceilings, (signals, limits) => {
        const pace = new Pace(half);
        pace.limit(limits);
        const leaves: Departure[] = [];
        send(pace, signals, (left) => {
          leaves.push(left);
          expect(left.devices).toBeGreaterThanOrEqual(1);
          expect(left.devices).toBeLessThanOrEqual(limits.maxDevicesPerRequest ?? 250);
          expect(pace.inFlight).toBeGreaterThanOrEqual(1);
          expect(pace.inFlight).toBeLessThanOrEqual(limits.maxInFlight ?? 128);
          expect(pace.pausedUntil - left.at).toBeLessThanOrEqual(15 * 60_000);
        });
        const { devicesPerSecond = Infinity } = limits;
        for (const { at } of leaves) {
          const second = leaves.filter((other) => other.at >= at && other.at < at + 1_000);
          expect(second.reduce((sum, { devices }) => sum + devices, 0)).toBeLessThanOrEqual(devicesPerSecond);
        }
      }),
    );
  });

  it.each([1, 3, 7, 10, 11, 33, 100, 1_000])(
    "uses the whole of a ceiling of %i devices a second",
    (ceiling) => {
      const pace = new Pace(half);
      pace.limit({ devicesPerSecond: ceiling, maxDevicesPerRequest: 40 });
      const start = 1_000_000;
      let sent = 0;
      for (let now = start; now < start + 20_000;) {
        const { size } = pace;
        now = Math.max(now, pace.mayLeave(size, now));
        if (now >= start + 20_000) break;
        const left = pace.leaves(size, now);
        sent += size;
        pace.ended(left, answered(size), now);
      }
      expect(sent).toBeLessThanOrEqual(ceiling * 20);
      expect(sent).toBeGreaterThanOrEqual(ceiling * 20 * 0.99);
    },
  );

  it("makes up at a ceiling for no more than 50 ms of a timer that fires late", () => {
    const pace = new Pace(half);
    pace.limit({ devicesPerSecond: 20, maxDevicesPerRequest: 1 });
    const start = 1_000_000;
    let now = start;
    for (let request = 0; request < 10; request += 1) {
      now = Math.max(now, pace.mayLeave(1, now)) + (request === 1 ? 90 : 0);
      pace.ended(pace.leaves(1, now), answered(1), now);
    }
    // The first request is taken for a late one, too.
    expect(now - start).toBe(9 * 50 + 90 - 2 * 50);
  });

  it("sends more at once while answers come quickly, and less when they come slowly", () => {
    const pace = new Pace(half);
    const start = pace.size;
    let now = 0;
    const request = (tookMs: number): void => {
      const left = pace.leaves(pace.size, now);
      now += tookMs;
      pace.ended(left, answered(left.devices, { tookMs }), now);
    };
    for (let i = 0; i < 4; i += 1) request(200);
    const grown = pace.size;
    expect(grown).toBeGreaterThan(start * 4);
    request(15_000);
    expect(pace.size).toBeLessThan(grown);
  });

  it("sends a sixth after an answer that came too late, and as much as there was time for", () => {
    const pace = new Pace(half);
    pace.ended(pace.leaves(60, 0), { kind: "timedOut" }, 9_000);
    expect(pace.size).toBe(10);
    pace.ended(pace.leaves(10, 10_000), answered(6, { late: 4, barren: false }), 11_000);
    expect(pace.size).toBe(5);
  });

  it("sends one device alone now and then, to see how far away the cloud is", () => {
    const pace = new Pace(half);
    const sizes: number[] = [];
    for (let now = 0; now < 60_000; now += 1_000) {
      const left = pace.leaves(pace.size, now);
      sizes.push(left.devices);
      pace.ended(left, answered(left.devices), now + 100);
    }
    expect(sizes.filter((size) => size === 1)).toHaveLength(2);
    expect(sizes.filter((size) => size === 250).length).toBeGreaterThan(50);
  });

  it("obeys Retry-After", () => {
    const pace = new Pace(half);
    pace.ended(pace.leaves(1, 900), { kind: "throttled", retryAfterMs: 7_000 }, 1_000);
    expect(pace.pausedUntil).toBe(8_000);
    expect(pace.mayLeave(1, 1_001)).toBe(8_000);
  });

  it("goes on after one fault, opens after three, tries with one device, and closes when that brings something", () => {
    const pace = new Pace(half);
    const all = [1, 2, 3].map((at) => pace.leaves(10, at));
    pace.ended(all[0] as Departure, { kind: "unavailable" }, 10);
    expect(pace.broken).toBeUndefined();
    pace.ended(all[1] as Departure, { kind: "unavailable" }, 11);
    pace.ended(all[2] as Departure, { kind: "unavailable" }, 12);
    expect(pace.broken).toBe("fault");
    expect(pace.size).toBe(1);
    expect(pace.inFlight).toBe(1);
    const next = pace.pausedUntil;
    expect(next).toBeGreaterThan(12);
    pace.ended(pace.leaves(1, next), answered(1), next + 50);
    expect(pace.broken).toBeUndefined();
    expect(pace.size).toBeGreaterThan(1);
  });

  it("opens at once for a fault that does not pass by itself, and waits longer each time, up to a minute", () => {
    const pace = new Pace(() => 0.999_999);
    const waits = Array.from({ length: 12 }, () => {
      const now = Math.max(1, pace.pausedUntil);
      pace.ended(pace.leaves(1, now), { kind: "unavailable", hopeless: true }, now);
      return pace.pausedUntil - now;
    });
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(waits[3]).toBeGreaterThan(3_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  });

  it("is tried soon when there is news of the cloud", () => {
    const pace = new Pace(half);
    for (let i = 0; i < 10; i += 1) {
      const at = Math.max(0, pace.pausedUntil);
      pace.ended(pace.leaves(1, at), { kind: "unavailable", hopeless: true }, at);
    }
    const now = pace.pausedUntil - 20_000;
    pace.news(now);
    expect(pace.mayLeave(1, now)).toBeLessThanOrEqual(now);
  });
});
