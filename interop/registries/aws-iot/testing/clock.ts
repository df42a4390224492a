import type { Clock } from "../clock.ts";

/** Time that passes by itself as soon as somebody waits for it. */
export class EagerClock implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const due = this.#now + ms;
    await Promise.resolve();
    signal.throwIfAborted();
    this.#now = Math.max(this.#now, due);
  }

  pass(ms: number): void {
    this.#now += ms;
  }
}
