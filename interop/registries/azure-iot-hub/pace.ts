import type { Clock } from "./clock.ts";

export interface PaceOptions {
  clock: Clock;
  /** Ceiling in calls a second; none unless given. */
  perSecond?: number | undefined;
  /** A pause that the hub asked for is waited for up to this many milliseconds. */
  patienceMs: number;
}

/**
 * When the next call of one kind may go out: the hub has a quota for each kind, and all calls of this process
 * share it. Also keeps the pause that the hub asks for when it throttles.
 */
export interface Pace {
  /**
   * Waits for its turn, or until the signal fires.
   * @returns how much longer the hub's pause lasts, in milliseconds, when that is too long to wait; else 0
   */
  take(signal: AbortSignal): Promise<number>;
  /** The hub wants no call for so many milliseconds. */
  hold(ms: number): void;
}

export function createPace({ clock, perSecond, patienceMs }: PaceOptions): Pace {
  const intervalMs = perSecond === undefined ? 0 : 1000 / perSecond;
  let nextAt = Number.NEGATIVE_INFINITY;
  let heldUntil = Number.NEGATIVE_INFINITY;
  return {
    async take(signal) {
      const now = clock.now();
      // What was not used in the last second may be used at once.
      nextAt = Math.max(nextAt, now - Math.max(0, 1000 - intervalMs));
      const turn = nextAt;
      nextAt += intervalMs;
      if (turn > now) await clock.sleep(turn - now, signal);
      while (!signal.aborted) {
        const pause = heldUntil - clock.now();
        if (pause <= 0) return 0;
        if (pause > patienceMs) return pause;
        await clock.sleep(pause, signal);
      }
      return 0;
    },
    hold(ms) {
      heldUntil = Math.max(heldUntil, clock.now() + ms);
    },
  };
}
