const BUCKET_MS = 500;
const BUCKETS = 20;

/** Counts devices over the last ten seconds. */
export class Goodput {
  readonly #buckets = new Float64Array(BUCKETS);
  #sum = 0;
  /** Number of the newest bucket. */
  #newest = -Infinity;
  #firstAt = 0;

  add(devices: number, now: number): void {
    this.#turn(now);
    if (this.#sum === 0) this.#firstAt = now;
    const at = this.#newest % BUCKETS;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + devices;
    this.#sum += devices;
  }

  /** Devices a second; over the time since the first of them where that is shorter than the window. */
  perSecond(now: number): number {
    this.#turn(now);
    if (this.#sum === 0) return 0;
    const since = Math.max(this.#firstAt, (this.#newest - BUCKETS + 1) * BUCKET_MS);
    return this.#sum / (Math.max(now - since, 1_000) / 1_000);
  }

  #turn(now: number): void {
    const newest = Math.floor(now / BUCKET_MS);
    if (newest <= this.#newest) return;
    if (newest - this.#newest >= BUCKETS) {
      this.#buckets.fill(0);
      this.#sum = 0;
    } else {
      for (let bucket = this.#newest + 1; bucket <= newest; bucket += 1) {
        const at = bucket % BUCKETS;
        this.#sum -= this.#buckets[at] ?? 0;
        this.#buckets[at] = 0;
      }
    }
    this.#newest = newest;
  }
}
