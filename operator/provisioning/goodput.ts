const WINDOW_MS = 10_000;

/** Counts devices over the last ten seconds. */
export class Goodput {
  readonly #events: { at: number; devices: number }[] = [];

  add(devices: number, now: number): void {
    this.#events.push({ at: now, devices });
    this.#forget(now);
  }

  /** Devices a second; over the time since the first event where that is shorter than the window. */
  perSecond(now: number): number {
    this.#forget(now);
    const first = this.#events[0];
    if (first === undefined) return 0;
    const devices = this.#events.reduce((sum, event) => sum + event.devices, 0);
    return devices / (Math.max(now - first.at, 1_000) / 1_000);
  }

  #forget(now: number): void {
    while (this.#events[0] !== undefined && this.#events[0].at < now - WINDOW_MS) this.#events.shift();
  }
}
