import { abortReason } from "../runtime/clock.ts";

/** A number of places, handed out in the order in which they are asked for. */
export class Berths {
  readonly #places: number;
  #taken = 0;
  readonly #queue: (() => void)[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** Whether somebody waits for a place. */
  get crowded(): boolean {
    return this.#queue.length > 0;
  }

  /** Waits for a place. @returns what must be called when it is left. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#places && !this.crowded) this.#taken += 1;
    else await this.#wait(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#taken -= 1;
      if (this.#taken < this.#places) this.#queue.shift()?.();
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = (): void => {
      signal.removeEventListener("abort", giveUp);
      this.#taken += 1;
      resolve();
    };
    const giveUp = (): void => {
      const at = this.#queue.indexOf(enter);
      if (at >= 0) this.#queue.splice(at, 1);
      reject(abortReason(signal));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#queue.push(enter);
    await promise;
  }
}
