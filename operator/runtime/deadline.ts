import { abortReason } from "./clock.ts";
import type { Clock } from "./clock.ts";

/**
 * Runs `work` with a signal that is aborted when `signal` is, or after `ms` milliseconds with the error that
 * `late` makes. Settles at that moment even when `work` pays no heed to its signal.
 */
export async function withDeadline<T>(
  o: { clock: Clock; ms: number; signal?: AbortSignal | undefined; late: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const onAbort = (): void => inner.abort(abortReason(o.signal));
  if (o.signal?.aborted === true) throw abortReason(o.signal);
  o.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = o.clock.setTimeout(() => inner.abort(o.late()), o.ms);
  try {
    return await untilAborted(inner.signal, work(inner.signal));
  } finally {
    timer.cancel();
    o.signal?.removeEventListener("abort", onAbort);
  }
}

/** What `promise` settles with, or the signal's reason if it is aborted first. The loser is let go of quietly. */
export function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => undefined);
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
