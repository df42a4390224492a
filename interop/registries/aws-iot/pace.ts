import type { Clock } from "./clock.ts";

/**
 * Lets so many through a second, evenly, however many ask at once and whichever request they belong to.
 * @returns resolves when it is one's turn; rejects when the signal fires before
 */
export function createPace(perSecond: number, clock: Clock): (signal: AbortSignal) => Promise<void> {
  const interval = 1000 / perSecond;
  let next = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    signal.throwIfAborted();
    const now = clock.now();
    const turn = Math.max(now, next);
    next = turn + interval;
    if (turn > now) await clock.sleep(turn - now, signal);
  };
}
