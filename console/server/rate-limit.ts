import type { Clock } from "../../operator/runtime/clock.ts";
import { monotonic } from "../../operator/runtime/clock.ts";

interface Bucket {
  tokens: number;
  at: number;
}

/** So many at once, and then so many a second, for each of many keys. Forgets the keys that have long been quiet. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(o: { clock: Clock; burst: number; perSecond: number; maxKeys?: number }) {
    this.#clock = o.clock;
    this.#burst = o.burst;
    this.#perSecond = o.perSecond;
    this.#maxKeys = o.maxKeys ?? 10_000;
  }

  /** Takes one; false when there is none left. */
  take(key: string): boolean {
    const now = monotonic(this.#clock);
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    // The least recently used are first in a Map whose entries are put back at each use.
    this.#buckets.delete(key);
    const refilled = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    const granted = refilled >= 1;
    this.#buckets.set(key, { tokens: granted ? refilled - 1 : refilled, at: now });
    if (this.#buckets.size > this.#maxKeys) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return granted;
  }
}
