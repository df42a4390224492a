/** Tokens that come back with time: so many at once, so many a second afterwards. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #at: number;

  /** @param now milliseconds on the clock that take() will be given */
  constructor(o: { burst: number; perSecond: number }, now: number) {
    this.#burst = o.burst;
    this.#perMs = o.perSecond / 1000;
    this.#tokens = o.burst;
    this.#at = now;
  }

  /** Takes a token, if there is one. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
