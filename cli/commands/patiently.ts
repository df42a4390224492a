import { withDeadline } from "../../operator/runtime/deadline.ts";
import type { Context } from "../context.ts";
import { EXIT, Interrupted } from "../exit.ts";

export interface Patience {
  /** Milliseconds; no end unless given. */
  readonly timeout: number | undefined;
  /** @param seconds that the person gave */
  readonly late: (seconds: number) => Error;
  /** What goes on without anybody waiting for it, and how to look at it. */
  readonly goesOn: string;
}

/**
 * Waits for what the cluster does by itself, for as long as the person said.
 * @throws what `late` gives when the time is over; Interrupted, after saying that the work goes on; what `wait` throws
 */
export async function patiently<T>(
  { io, signal }: Context,
  { timeout: ms, late, goesOn }: Patience,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    if (ms === undefined) return await wait(signal);
    return await withDeadline({ clock: io.clock, ms, signal, late: () => late(ms / 1_000) }, wait);
  } catch (error) {
    if (error instanceof Interrupted && error.exit !== EXIT.pipe) {
      await io.stderr.write(`No longer waiting. ${goesOn}\n`);
    }
    throw error;
  }
}
