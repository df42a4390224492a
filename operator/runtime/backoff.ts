export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  baseMs?: number;
  /** No delay is longer. */
  maxMs?: number;
  factor?: number;
  /** What share of a delay is left to chance: 0 is none, 1 is anything from 0 to the whole delay. */
  jitter?: number;
  /** Numbers from 0 up to but not including 1. */
  random?: () => number;
}

/** Delays that grow from failure to failure, shortened by chance so that many waiters do not come back at once. */
export class Backoff {
  readonly #o: Required<BackoffOptions>;

  constructor(o: BackoffOptions = {}) {
    this.#o = { baseMs: 200, maxMs: 300_000, factor: 2, jitter: 0.5, random: Math.random, ...o };
  }

  /**
   * Milliseconds to wait after so many failures in a row (1 is the first). Between (1 - jitter) times and once
   * the full delay of that step.
   */
  delay(failures: number): number {
    const { baseMs, maxMs, factor, jitter, random } = this.#o;
    const full = Math.min(maxMs, baseMs * factor ** Math.max(0, failures - 1));
    return full * (1 - jitter * random());
  }
}
