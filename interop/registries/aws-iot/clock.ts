import { setTimeout as wait } from "node:timers/promises";

/** Time as the registry sees it. */
export interface Clock {
  /** Milliseconds from some start; never goes back. */
  now(): number;
  /** Rejects when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }),
};

/**
 * What `promise` brings, or a rejection as soon as the signal fires: the SDK's own waits (between attempts, for
 * its rate limiter) do not all end with it.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new DOMException("out of time", "AbortError"));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
