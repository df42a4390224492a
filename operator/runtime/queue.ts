import { Backoff } from "./backoff.ts";
import { monotonic, systemClock } from "./clock.ts";
import type { Clock, Timer } from "./clock.ts";

/** Told what goes through a queue, for metrics; times in seconds. */
export interface QueueObserver {
  /** A key that was not in the queue was added. */
  added(): void;
  /** A key is to be added later. */
  delayed(): void;
  /** A worker took a key, so long after it was added. */
  taken(waited: number): void;
  /** A worker is done with a key, so long after it was taken. */
  done(worked: number): void;
}

/**
 * A queue of keys for workers. A key is in it at most once and with one worker at most; one that is added while
 * its worker is busy comes again when that worker is done. It holds keys only, never objects.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #observer: QueueObserver | undefined;
  /** In the order in which they are handed out; since when they wait, on the monotonic clock, as in the next two. */
  readonly #ready = new Map<string, number>();
  readonly #processing = new Map<string, number>();
  /** Added while being processed. */
  readonly #dirty = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: Timer }>();
  readonly #failures = new Map<string, number>();
  #closed = false;
  readonly #waiting = new Set<(key: string) => void>();

  constructor(o: { clock?: Clock; backoff?: Backoff; observer?: QueueObserver } = {}) {
    this.#clock = o.clock ?? systemClock;
    this.#observer = o.observer;
    this.#backoff = o.backoff ?? new Backoff();
  }

  /** Adds a key now; what was to add it later is dropped. */
  add(key: string): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#ready.has(key) || this.#dirty.has(key)) return;
    this.#observer?.added();
    const now = monotonic(this.#clock);
    if (this.#processing.has(key)) this.#dirty.set(key, now);
    else this.#handOut(key, now);
  }

  /** @param since when the key was added */
  #handOut(key: string, since: number): void {
    const [waiting] = this.#waiting;
    if (waiting === undefined) {
      this.#ready.set(key, since);
      return;
    }
    this.#waiting.delete(waiting);
    this.#taken(key, since);
    waiting(key);
  }

  #taken(key: string, since: number): void {
    const now = monotonic(this.#clock);
    this.#processing.set(key, now);
    this.#observer?.taken((now - since) / 1_000);
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
    this.#observer?.delayed();
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
    const [next] = this.#ready;
    if (next !== undefined) {
      const [key, since] = next;
      this.#ready.delete(key);
      this.#taken(key, since);
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
    const took = this.#processing.get(key);
    this.#processing.delete(key);
    if (took !== undefined) this.#observer?.done((monotonic(this.#clock) - took) / 1_000);
    const since = this.#dirty.get(key);
    if (since === undefined) return;
    this.#dirty.delete(key);
    this.#handOut(key, since);
  }

  /** Keys that could be taken now. */
  get length(): number {
    return this.#ready.size;
  }

  /** Keys that workers have taken and not done yet. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Seconds for which the key that waits longest has waited; 0 when none waits. */
  get oldest(): number {
    const now = monotonic(this.#clock);
    return (now - earliest(this.#ready, now)) / 1_000;
  }

  /** Seconds since a worker took the key that has been worked on longest, and all such seconds together. */
  get working(): { readonly longest: number; readonly sum: number } {
    const now = monotonic(this.#clock);
    let sum = 0;
    for (const since of this.#processing.values()) sum += (now - since) / 1_000;
    return { longest: (now - earliest(this.#processing, now)) / 1_000, sum };
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

/** The earliest of these times; `now` when there is none. */
function earliest(since: ReadonlyMap<string, number>, now: number): number {
  let first = now;
  for (const at of since.values()) first = Math.min(first, at);
  return first;
}
