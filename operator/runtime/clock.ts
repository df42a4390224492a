/** A timer that was set on a {@link Clock}. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the runtime sees it. Everything that waits or measures takes one of these, so that tests can move time.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch (the wall clock: it may jump). */
  now(): number;
  /**
   * Milliseconds on a clock that never jumps; only differences mean something. A clock without it is taken to
   * have a wall clock that does not jump. Read it through {@link monotonic}.
   */
  monotonic?(): number;
  setTimeout(fn: () => void, ms: number): Timer;
  /**
   * Resolves after `ms` milliseconds.
   * @throws the signal's reason, as soon as it is aborted
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Milliseconds for measuring how long something took or has been: immune to changes of the wall clock. */
export function monotonic(clock: Clock): number {
  return clock.monotonic?.() ?? clock.now();
}

/** The longest delay that Node's timers take; they fire at once when given more. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function sleepOn(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal));
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The reason of an aborted signal as an Error, whatever it was aborted with. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error(`stopped: ${String(reason)}`);
}

/** The machine's clock and Node's timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS));
    return { cancel: () => clearTimeout(handle) };
  },
  sleep: (ms, signal) => sleepOn(systemClock, ms, signal),
};

interface ManualTimer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/**
 * A clock that stands still until it is told to move, for tests.
 */
export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<ManualTimer>();

  /** @param start milliseconds since the Unix epoch at which the clock stands */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    this.#order += 1;
    const timer = { at: this.#now + Math.max(ms, 0), order: this.#order, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined when none is set. */
  get nextIn(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /**
   * Moves time by `ms`, firing due timers in their order. Between two timers, promises get to run, so that a
   * timer set by what a timer woke is fired too when it is due.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(): ManualTimer | undefined {
    let first: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.at < first.at ||
        (timer.at === first.at && timer.order < first.order)
      ) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets every promise that is ready run: setImmediate comes after all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
