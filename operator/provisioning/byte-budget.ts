import type { Clock } from "../runtime/clock.ts";

/**
 * A token bucket of bytes, shared by all ledger writes of an operator, so that a storm of checkpoints never
 * fills etcd: rewriting one 250 kB object 39 times a second stopped a cluster within three minutes.
 */
export class ByteBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #available: number;
  #at: number;

  /** @param perSecond bytes that are earned a second; @param burst bytes that may be saved up. */
  constructor(perSecond: number, burst: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#available = burst;
    this.#at = clock.now();
  }

  /** Takes `bytes`, going into debt where needed, and waits until the debt is paid; who gives up waiting pays nothing. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#available = Math.min(this.#burst, this.#available + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    this.#available -= bytes;
    if (this.#available >= 0) return;
    try {
      await this.#clock.sleep((-this.#available / this.#perSecond) * 1_000, signal);
    } catch (error) {
      this.#available += bytes;
      throw error;
    }
  }
}
