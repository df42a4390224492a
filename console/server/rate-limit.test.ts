import { describe, expect, it } from "vitest";
import { ManualClock } from "../../operator/runtime/clock.ts";
import { RateLimit } from "./rate-limit.ts";

describe("a rate limit", () => {
  it("lets a burst through, then as many as time brings, for each key by itself", async () => {
    const clock = new ManualClock();
    const limit = new RateLimit({ clock, burst: 3, perSecond: 2 });
    const takeAll = (key: string): number => {
      let taken = 0;
      while (limit.take(key)) taken += 1;
      return taken;
    };
    expect(takeAll("a")).toBe(3);
    expect(takeAll("b")).toBe(3);
    await clock.advance(1000);
    expect(takeAll("a")).toBe(2);
    await clock.advance(60_000);
    expect(takeAll("a")).toBe(3);
  });

  it("forgets the keys that were quiet for longest, not those that press on", () => {
    const limit = new RateLimit({ clock: new ManualClock(), burst: 1, perSecond: 0, maxKeys: 2 });
    expect(limit.take("a")).toBe(true);
    expect(limit.take("b")).toBe(true);
    expect(limit.take("a")).toBe(false);
    expect(limit.take("c")).toBe(true);
    expect(limit.take("a")).toBe(false);
  });
});
