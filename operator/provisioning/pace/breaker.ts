const FAILURES_TO_OPEN = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** So long after the last failure, whoever has news of the cloud may have it tried at once. */
const NEWS_AFTER_MS = 2_000;

/**
 * The circuit to one product cloud. It opens when requests bring nothing several times in a row, lets one small
 * request through when a pause is over, and closes when that brings something. Pauses double, with jitter.
 */
export class Breaker {
  readonly #random: () => number;
  #failures = 0;
  /** How often in a row it opened. */
  #openings = 0;
  #openedAt = -Infinity;
  /** The last request that left before it opened. */
  #openedAfter = -Infinity;
  #lastLeft = -Infinity;
  #openUntil = -Infinity;

  /** @param random for jitter; in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  get open(): boolean {
    return this.#openings > 0;
  }

  /** Time (epoch ms) of the next try; in the past when it is closed or may be tried. */
  get openUntil(): number {
    return this.#openUntil;
  }

  /** A request leaves. @param order counts them */
  leaves(order: number): void {
    this.#lastLeft = order;
  }

  /** A request brought something. */
  succeeded(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntil = -Infinity;
  }

  /**
   * A request brought nothing. Those that left before it opened last say no more than is known.
   * @param hopeless nothing will come by itself: one such failure is enough.
   */
  failed(order: number, now: number, hopeless = false): void {
    if (order <= this.#openedAfter) return;
    this.#failures += 1;
    if (!this.open && !hopeless && this.#failures < FAILURES_TO_OPEN) return;
    const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#openings, 10));
    this.#openings += 1;
    this.#openedAt = now;
    this.#openedAfter = this.#lastLeft;
    this.#openUntil = now + ceiling * (0.5 + this.#random() / 2);
  }

  /** Somebody has reason to believe that the cloud is back. */
  news(now: number): void {
    if (now - this.#openedAt >= NEWS_AFTER_MS) this.#openUntil = Math.min(this.#openUntil, now);
  }
}
