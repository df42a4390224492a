import { setTimeout as delay } from "node:timers/promises";

/** Time and chance, so that tests need wait for neither. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Comes back after so many milliseconds, or as soon as the signal fires; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: Date.now,
  random: Math.random,
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  },
};
