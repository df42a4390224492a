import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** A clock that is moved by sleeping on it alone, so that waiting takes no time. */
export interface TestClock extends Clock {
  /** How long was slept in all, in milliseconds. */
  slept(): number;
}

export function createTestClock(start = Date.parse("2026-03-01T12:00:00Z")): TestClock {
  let now = start;
  return {
    now: () => now,
    random: () => 0.5,
    slept: () => now - start,
    async sleep(ms, signal) {
      if (signal.aborted) return;
      const until = now + ms;
      await setImmediate();
      // Sleepers side by side sleep the same time.
      now = Math.max(now, until);
    },
  };
}
