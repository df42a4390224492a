import type { Clock } from "../runtime/clock.ts";
import { untilAborted } from "../runtime/deadline.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { LedgerConflict, type LedgerIdentity, type LedgerStore } from "./ledger/store.ts";

const INTERVAL_MS = 1_000;
const RETRY_MS = 1_000;
/** Unwritten progress that may be lost in a crash; past that, sending waits for the API server. */
const OVERDUE_MS = 5_000;

/**
 * Writes a ledger's progress at most once a second, one write at a time. Sending devices never waits for a
 * write, unless writes have failed for so long that a crash would repeat too much.
 */
export class Checkpoint {
  readonly #store: LedgerStore;
  readonly #identity: () => LedgerIdentity;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  /** When the first mark was made that no write has brought to the API server. */
  #dirtySince: number | undefined;
  /** The same for marks that the write under way does not hold. */
  #dirtyDuring: number | undefined;
  #timer: { cancel(): void } | undefined;
  #last = 0;
  #writing: Promise<void> | undefined;
  #conflict: LedgerConflict | undefined;
  #failure: unknown;
  readonly #closed = new AbortController();

  constructor(store: LedgerStore, identity: () => LedgerIdentity, ledger: Ledger, clock: Clock) {
    this.#store = store;
    this.#identity = identity;
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** To be told after the ledger changed. */
  changed(): void {
    if (!this.#ledger.dirty) return;
    const now = this.#clock.now();
    this.#dirtySince ??= now;
    if (this.#writing !== undefined) this.#dirtyDuring ??= now;
    this.#arm(Math.max(0, this.#last + INTERVAL_MS - now));
  }

  /**
   * Waits while unwritten progress is overdue.
   * @param overdue is told while that is so, with what the last write failed with.
   * @throws LedgerConflict when somebody else wrote the ledger.
   */
  async ready(signal: AbortSignal, overdue: (failure: unknown) => void): Promise<void> {
    if (this.#conflict !== undefined) throw this.#conflict;
    while (this.#dirtySince !== undefined && this.#clock.now() - this.#dirtySince > OVERDUE_MS) {
      overdue(this.#failure);
      await this.#clock.sleep(RETRY_MS, signal);
      if (this.#conflict !== undefined) throw this.#conflict;
    }
  }

  /** Writes what is unwritten now. @throws what the API server or the store said. */
  async flush(signal: AbortSignal): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#writing !== undefined) {
      await untilAborted(
        signal,
        this.#writing.catch(() => undefined),
      );
    }
    if (this.#conflict !== undefined) throw this.#conflict;
    if (this.#ledger.dirty) await this.#write(signal);
  }

  /** Writes no more by itself: another may go on from the ledger now. */
  close(): void {
    this.#closed.abort(new Error("the checkpoint was closed"));
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    if (this.#timer !== undefined || this.#writing !== undefined || this.#closed.signal.aborted) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      // The failure is kept where ready() and flush() find it.
      this.#write(this.#closed.signal).catch(() => undefined);
    }, ms);
  }

  async #write(signal: AbortSignal): Promise<void> {
    this.#dirtyDuring = undefined;
    this.#last = this.#clock.now();
    const writing = this.#store.save(this.#identity(), this.#ledger, signal);
    this.#writing = writing;
    let retry = 0;
    try {
      await writing;
      this.#failure = undefined;
      this.#dirtySince = this.#dirtyDuring;
    } catch (error) {
      this.#failure = error;
      retry = RETRY_MS;
      if (error instanceof LedgerConflict) this.#conflict = error;
      throw error;
    } finally {
      this.#writing = undefined;
      if (this.#ledger.dirty && this.#conflict === undefined) {
        this.#dirtySince ??= this.#clock.now();
        this.#arm(Math.max(retry, this.#last + INTERVAL_MS - this.#clock.now()));
      }
    }
  }
}
