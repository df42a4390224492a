import { setImmediate as nextTurn } from "node:timers/promises";

/** How long others may have to wait: the lease has to be renewed, and the health server has to answer. */
const LONGEST_MS = 20;

/**
 * One turn of the event loop. What is read from memory, or through promises alone, never lets it go by
 * itself, however long it takes.
 */
export class Turn {
  #since = performance.now();

  isOver(): boolean {
    return performance.now() - this.#since > LONGEST_MS;
  }

  /** Lets all others have a turn. */
  async next(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}
