import { describe, expect, it } from "vitest";
import { deviceIdOf } from "../reels/certificates.ts";
import { Tally } from "./tally.ts";

const ids = (reel: number, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => deviceIdOf(reel, from + at));

describe("what came to a callee", () => {
  it("is told apart by reel and device, however often it comes", () => {
    const tally = new Tally(() => 0);
    tally.came(ids(1, 0, 100));
    tally.came(ids(2, 0, 100));
    tally.came(ids(1, 50, 150));
    tally.came(ids(1, 1_000_000, 1_000_001));
    expect(tally.figures()).toMatchObject({ requests: 4, devices: 301, distinct: 251, sentAgain: 50 });
  });

  it("is counted by second from the first request on", () => {
    let now = 5_000;
    const tally = new Tally(() => now);
    tally.came(ids(1, 0, 10));
    now = 7_500;
    tally.came(ids(1, 5, 15));
    tally.letIn(10);
    tally.ended(10, "answered");
    tally.ended(10, "timedOut");
    expect(tally.figures()).toMatchObject({
      firstAt: 5_000,
      lastAt: 7_500,
      mostRequestsUnderWay: 2,
      mostDevicesUnderWay: 20,
      devicesUnderWay: 0,
      timedOutRequests: 1,
      seconds: [
        { came: 10, again: 0, letIn: 0, timedOut: 0 },
        { came: 0, again: 0, letIn: 0, timedOut: 0 },
        { came: 10, again: 5, letIn: 10, timedOut: 1 },
      ],
    });
  });

  it("tells what was let in within the second before the last", () => {
    let now = 0;
    const tally = new Tally(() => now);
    for (const [at, devices] of [
      [10_000, 5],
      [10_300, 7],
      [10_900, 11],
      [11_200, 13],
    ] as const) {
      now = at;
      tally.letIn(devices);
    }
    now = 60_000;
    expect(tally.figures().lastSecond).toBe(7 + 11 + 13);
  });
});
