import { Backoff } from "./backoff.ts";
import { systemClock } from "./clock.ts";
import type { Clock, Timer } from "./clock.ts";

/**
 * A queue of keys for workers. A key is in it at most once and with one worker at most; one that is added while
 * its worker is busy comes again when that worker is done. It holds keys only, never objects.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** In the order in which they are handed out. */
  readonly #ready = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added while being processed. */
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: Timer }>();
  readonly #failures = new Map<string, number>();
  #closed = false;
  readonly #waiting = new Set<(key: string) => void>();

  constructor(o: { clock?: Clock; backoff?: Backoff } = {}) {
    this.#clock = o.clock ?? systemClock;
    this.#backoff = o.backoff ?? new Backoff();
  }

  /** Adds a key now; what was to add it later is dropped. */
  add(key: string): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#processing.has(key)) {
      this.#dirty.add(key);
      return;
    }
    const [waiting] = this.#waiting;
    if (waiting === undefined) {
      this.#ready.add(key);
      return;
    }
    this.#waiting.delete(waiting);
    this.#processing.add(key);
    waiting(key);
  }

  /** Adds a key after some milliseconds. Of several such, the soonest counts. */
  addAfter(key: string, ms: number): void {
    if (!(ms > 0)) {
      this.add(key);
      return;
    }
    if (this.#closed) return;
    // What is ready is handed out sooner than that, and sees the same state.
    if (this.#ready.has(key)) return;
    const at = this.#clock.now() + ms;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.at <= at) return;
    before?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, ms);
    this.#delayed.set(key, { at, timer });
  }

  /** Adds a key after a delay that grows with each call until it is forgotten. Returns the delay in milliseconds. */
  addRateLimited(key: string): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const ms = this.#backoff.delay(failures);
    this.addAfter(key, ms);
    return ms;
  }

  /** How often a key was added rate-limited since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Ends a key's series of failures. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, for one worker; undefined when the signal is aborted. Say done() when it is processed. */
  take(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const [key] = this.#ready;
    if (key !== undefined) {
      this.#ready.delete(key);
      this.#processing.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#waiting.delete(give);
        resolve(undefined);
      };
      const give = (given: string): void => {
        signal.removeEventListener("abort", onAbort);
        resolve(given);
      };
      this.#waiting.add(give);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  /** Keys that could be taken now. */
  get length(): number {
    return this.#ready.size;
  }

  /** Keys that workers have taken and not done yet. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Keys that will be added later. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Drops everything that waits, and its timers; nothing is added any more. What is being processed goes on. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#dirty.clear();
    this.#failures.clear();
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}
