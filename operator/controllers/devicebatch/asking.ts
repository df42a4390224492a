const SOONEST_MS = 60_000;
const LATEST_MS = 15 * 60_000;
/** What share of a delay is left to chance: batches that were refused together do not come back together. */
const JITTER = 0.3;

/**
 * When batches whose binding a rule of the cluster refused ask again: after a minute, then less and less often, for as
 * long as the rules that can be seen stay the same.
 */
export class Asking {
  readonly #refused = new Map<string, { readonly rules: string; readonly since: number }>();
  readonly #random: () => number;

  /** @param random numbers from 0 up to but not including 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Milliseconds until a batch that was refused just now asks again.
   * @param rules a version of the rules; another one begins anew
   * @param now epoch ms
   */
  delay(key: string, rules: string, now: number): number {
    const known = this.#refused.get(key);
    const since = known?.rules === rules ? known.since : now;
    this.#refused.set(key, { rules, since });
    const whole = Math.min(Math.max(now - since, SOONEST_MS), LATEST_MS);
    return whole * (1 - JITTER * this.#random());
  }

  forget(key: string): void {
    this.#refused.delete(key);
  }
}
