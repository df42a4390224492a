import { monotonic, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";

/** A person or a kubelet asked the process to stop. */
export class StopRequested extends Error {
  override readonly name = "StopRequested";
}

/**
 * One Ctrl-C reaches a process that npm started twice: the terminal signals everyone in the foreground, and npm
 * passes on what it got. Whoever does not want to wait presses again later than that.
 */
const SAME_WISH_MS = 2_000;

export interface StopSignalOptions {
  /** The process; another emitter in tests. */
  readonly from?: { on(event: "SIGTERM" | "SIGINT", listener: (name: string) => void): unknown };
  /** Ends the process. */
  readonly exit?: (code: number) => void;
  readonly clock?: Clock;
}

/**
 * A signal that is aborted at the first SIGTERM or SIGINT. One that comes more than two seconds later ends the
 * process at once; those in between are taken for the same wish.
 */
export function stopSignal({
  from = process,
  exit = (code) => process.exit(code),
  clock = systemClock,
}: StopSignalOptions = {}): AbortSignal {
  const stop = new AbortController();
  let askedAt: number | undefined;
  const onSignal = (name: string): void => {
    const now = monotonic(clock);
    if (askedAt === undefined) {
      askedAt = now;
      stop.abort(new StopRequested(`stopped by ${name}`));
    } else if (now - askedAt > SAME_WISH_MS) {
      exit(1);
    }
  };
  from.on("SIGTERM", onSignal);
  from.on("SIGINT", onSignal);
  return stop.signal;
}
