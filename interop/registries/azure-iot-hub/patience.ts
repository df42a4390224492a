import type { Clock } from "./clock.ts";
import type { HubFailure } from "./failure.ts";

export interface PatienceOptions {
  clock: Clock;
  /** How often one thing is tried in all. */
  attempts: number;
  /** The first wait, in milliseconds; each further one is twice as long, up to eight seconds. */
  firstWaitMs: number;
  /** A pause that the hub asks for is kept up to this long; for a longer one the caller will come again. */
  patienceMs: number;
}

const LONGEST_WAIT_MS = 8000;

/** Waits between attempts at one thing. */
export interface Patience {
  /** @returns false: this was the last attempt, the wait is too long, or the time is up */
  again(failure: HubFailure, signal: AbortSignal): Promise<boolean>;
}

/** Waits, on top of what the hub asks for, are drawn between half and the whole of their length, so that callers do not come back as one. */
export function createPatience(options: PatienceOptions): Patience {
  const { clock, attempts, firstWaitMs, patienceMs } = options;
  let failed = 0;
  return {
    async again(failure, signal) {
      failed += 1;
      if (failed >= attempts || signal.aborted) return false;
      const backoff = Math.min(firstWaitMs * 2 ** (failed - 1), LONGEST_WAIT_MS);
      const asked = failure.retryAfterMs ?? 0;
      if (asked > patienceMs) return false;
      await clock.sleep(asked + backoff * (0.5 + clock.random() / 2), signal);
      return !signal.aborted;
    },
  };
}

/** Whether the same request may well succeed a moment later. */
export function mayPass({ meaning }: HubFailure): boolean {
  return meaning === "Throttled" || meaning === "Transient";
}
