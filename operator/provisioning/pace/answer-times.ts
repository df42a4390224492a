const WINDOW_MS = 30_000;
/** The quick quarter: three steps up for each step down. */
const UP = 1.01;
const DOWN = 0.97;

/**
 * How long answers take where nothing is in the way: the quick quarter of them, for each order of size. The average
 * would rise with what is under way, and let even more be so; the quickest alone is luck.
 */
export class AnswerTimes {
  /** Milliseconds; each power of two has two orders: 1, 1.5, 2, 3, 4, 6 and so on. */
  readonly #quick: (number | undefined)[] = [];
  #best = Infinity;
  #bestBefore = Infinity;
  #since = -Infinity;

  add(devices: number, tookMs: number, now: number): void {
    if (now - this.#since > WINDOW_MS) {
      this.#bestBefore = this.#best;
      this.#best = Infinity;
      this.#since = now;
    }
    this.#best = Math.min(this.#best, tookMs);
    const order = orderOf(devices);
    const quick = this.#quick[order];
    this.#quick[order] = quick === undefined ? tookMs : quick * (tookMs > quick ? UP : DOWN);
  }

  /** The quickest of the last half to whole minute, in milliseconds; Infinity before the first. */
  get bestMs(): number {
    return Math.min(this.#best, this.#bestBefore);
  }

  /** Milliseconds for about so many devices; undefined where none such was answered. */
  quickMs(devices: number): number | undefined {
    return this.#quick[orderOf(devices)];
  }
}

function orderOf(devices: number): number {
  const whole = Math.floor(Math.log2(Math.max(1, devices)));
  return whole * 2 + (devices >= 1.5 * 2 ** whole ? 1 : 0);
}
