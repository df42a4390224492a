const SECOND_MS = 1_000;

/**
 * Holds a ceiling of devices a second to the letter: in no second, wherever it begins, do more leave. Averages
 * would not do, for a cloud that counts does not average.
 */
export class Ceiling {
  /** Departures of the last second, oldest first from `#first` on. */
  readonly #left: { at: number; devices: number }[] = [];
  #first = 0;
  #sum = 0;
  #piece = 0;

  /**
   * Devices for the next request, `most` at most: pieces that add up to the ceiling in each second, so that none
   * of it is lost to rounding.
   */
  size(perSecond: number, most: number): number {
    const pieces = Math.ceil(perSecond / most);
    const at = this.#piece % pieces;
    return Math.floor(((at + 1) * perSecond) / pieces) - Math.floor((at * perSecond) / pieces);
  }

  /** When (epoch ms) so many devices may leave; `now` or earlier if they may at once. */
  freeAt(devices: number, perSecond: number, now: number): number {
    this.#forget(now);
    let over = this.#sum + devices - perSecond;
    for (let i = this.#first; over > 0; i += 1) {
      const next = this.#left[i];
      if (next === undefined) return now;
      over -= next.devices;
      if (over <= 0) return next.at + SECOND_MS;
    }
    return now;
  }

  /** Notes a departure. */
  left(devices: number, now: number): void {
    this.#forget(now);
    this.#left.push({ at: now, devices });
    this.#sum += devices;
    this.#piece += 1;
  }

  #forget(now: number): void {
    for (let next = this.#left[this.#first]; next !== undefined && next.at <= now - SECOND_MS;) {
      this.#sum -= next.devices;
      this.#first += 1;
      next = this.#left[this.#first];
    }
    if (this.#first > 64 && this.#first * 2 > this.#left.length) {
      this.#left.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
