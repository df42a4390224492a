import { abortReason } from "../runtime/clock.ts";

/** Whether anybody uses something, for those who only use it while nobody else does. */
export class Idleness {
  #users = 0;
  /** Aborted when the next user comes. */
  #claimed = new AbortController();
  readonly #waiting = new Set<() => void>();

  /** Somebody uses it from now on. @returns what must be called at the end; later calls change nothing */
  enter(): () => void {
    this.#users += 1;
    if (this.#users === 1) {
      this.#claimed.abort(new Claimed());
      this.#claimed = new AbortController();
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#users -= 1;
      if (this.#users > 0) return;
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    };
  }

  /**
   * Waits until nobody uses it.
   * @returns a signal that fires with {@link Claimed} as soon as somebody does
   */
  async wait(signal: AbortSignal): Promise<AbortSignal> {
    while (this.#users > 0) await this.#left(signal);
    signal.throwIfAborted();
    return this.#claimed.signal;
  }

  #left(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wake = (): void => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    };
    const giveUp = (): void => {
      this.#waiting.delete(wake);
      reject(abortReason(signal));
    };
    if (signal.aborted) giveUp();
    else {
      this.#waiting.add(wake);
      signal.addEventListener("abort", giveUp, { once: true });
    }
    return promise;
  }
}

/** Somebody who goes first has come. */
export class Claimed extends Error {
  override name = "Claimed";

  constructor() {
    super("somebody who goes first has come");
  }
}
