import { randomUUID } from "node:crypto";

import { isConflict } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import { abortReason, monotonic, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import { parseKey } from "./objects.ts";
import { WorkQueue } from "./queue.ts";
import type { QueueObserver } from "./queue.ts";

export interface ReconcileContext {
  /** Aborted when the reconcile takes too long, or when the controller may not go on. */
  signal: AbortSignal;
  log: Logger;
  reconcileID: string;
}

/** When to look at the key again although nothing has changed. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a reconcile that returns nothing is the common one
export type ReconcileResult = { requeueAfterMs?: number } | undefined | void;

/** What came of one reconcile, for metrics; `result` as controller-runtime labels it. */
export interface ReconcileOutcome {
  controller: string;
  result: "success" | "requeue_after" | "conflict" | "error";
  seconds: number;
}

export interface ControllerOptions {
  name: string;
  reconcile: (key: string, context: ReconcileContext) => Promise<ReconcileResult>;
  /** How many keys are reconciled at a time. */
  workers?: number;
  /** After how long a reconcile's signal is aborted. */
  timeoutMs?: number;
  clock?: Clock;
  log?: Logger;
  backoff?: Backoff;
  onOutcome?: (outcome: ReconcileOutcome) => void;
  queueObserver?: QueueObserver;
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** How long after its abort a reconcile may still run before its worker goes on without it. */
const GRACE_MS = 5_000;
/** Conflicts in a row that pass for the ordinary race with a cache that lags; then they count as failures. */
const QUIET_CONFLICTS = 5;

/**
 * Reconciles keys: at most one worker a key, failures with backoff. It is level-triggered: a key says only that
 * something may have changed.
 */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #o: ControllerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #conflicts = new Map<string, number>();
  readonly #conflictBackoff = new Backoff({ baseMs: 20, maxMs: 500 });

  constructor(o: ControllerOptions) {
    this.name = o.name;
    this.#o = o;
    this.#clock = o.clock ?? systemClock;
    this.#log = (o.log ?? silentLogger).child({ controller: o.name });
    this.queue = new WorkQueue({
      clock: this.#clock,
      ...(o.backoff === undefined ? {} : { backoff: o.backoff }),
      ...(o.queueObserver === undefined ? {} : { observer: o.queueObserver }),
    });
  }

  /** How many keys are reconciled at a time, at most. */
  get workers(): number {
    return this.#o.workers ?? 1;
  }

  enqueue(key: string, afterMs = 0): void {
    this.queue.addAfter(key, afterMs);
  }

  /**
   * Works until `signal` is aborted and the reconciles that run then have ended.
   * @param kill aborts those too: when draining has taken too long, or the lease is lost
   */
  async run(signal: AbortSignal, kill?: AbortSignal): Promise<void> {
    const workers = Array.from({ length: this.workers }, () => this.#work(signal, kill));
    await Promise.all(workers);
    this.queue.close();
    this.#conflicts.clear();
  }

  async #work(signal: AbortSignal, kill: AbortSignal | undefined): Promise<void> {
    for (let key = await this.queue.take(signal); key !== undefined; key = await this.queue.take(signal)) {
      await this.#process(key, kill);
    }
  }

  async #process(key: string, kill: AbortSignal | undefined): Promise<void> {
    const reconcileID = randomUUID();
    const log = this.#log.child({ ...parseKey(key), reconcileID });
    const abort = new AbortController();
    const onKill = (): void => abort.abort(abortReason(kill));
    kill?.addEventListener("abort", onKill, { once: true });
    if (kill?.aborted === true) onKill();
    const timeoutMs = this.#o.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = this.#clock.setTimeout(() => abort.abort(new ReconcileTimeout(timeoutMs)), timeoutMs);

    const settled = this.#settle(key, { signal: abort.signal, log, reconcileID });
    try {
      await Promise.race([settled, this.#overstayed(abort.signal, settled, log)]);
    } finally {
      timer.cancel();
      kill?.removeEventListener("abort", onKill);
    }
  }

  /** Runs one reconcile to its end, whatever that is. Never rejects. */
  async #settle(key: string, context: ReconcileContext): Promise<void> {
    const startedAt = monotonic(this.#clock);
    let result: ReconcileOutcome["result"];
    try {
      result = this.#succeeded(key, await this.#o.reconcile(key, context));
    } catch (error) {
      result = this.#failed(key, error, context);
    }
    const seconds = (monotonic(this.#clock) - startedAt) / 1000;
    try {
      this.#o.onOutcome?.({ controller: this.name, result, seconds });
    } catch (error) {
      context.log.error({ err: error }, "onOutcome threw");
    }
    this.queue.done(key);
  }

  #succeeded(key: string, result: ReconcileResult): ReconcileOutcome["result"] {
    this.queue.forget(key);
    this.#conflicts.delete(key);
    const after = result?.requeueAfterMs;
    if (after === undefined) return "success";
    this.queue.addAfter(key, after);
    return "requeue_after";
  }

  #failed(key: string, error: unknown, { signal, log }: ReconcileContext): ReconcileOutcome["result"] {
    if (isConflict(error)) {
      const conflicts = (this.#conflicts.get(key) ?? 0) + 1;
      this.#conflicts.set(key, conflicts);
      if (conflicts <= QUIET_CONFLICTS) {
        this.queue.addAfter(key, this.#conflictBackoff.delay(conflicts));
        log.debug({ conflicts }, "the object has changed meanwhile: reconciling again");
        return "conflict";
      }
    }
    // Whatever the abort made of the calls under way, the reason for the abort is what people must read.
    const cause = signal.aborted && !isConflict(error) ? abortReason(signal) : asError(error);
    const retryInMs = Math.round(this.queue.addRateLimited(key));
    log.error({ err: cause, failures: this.queue.failures(key), retryInMs }, "reconcile failed");
    return "error";
  }

  /**
   * Resolves some time after the abort when the reconcile pays no heed to it, so that its worker takes other
   * keys. The key stays taken: no second reconcile of it begins before the first has ended.
   */
  #overstayed(signal: AbortSignal, settled: Promise<void>, log: Logger): Promise<void> {
    return new Promise((resolve) => {
      const wait = (): void => {
        const timer = this.#clock.setTimeout(() => {
          log.error("reconcile goes on although its signal is aborted: its worker leaves it alone");
          resolve();
        }, GRACE_MS);
        void settled.finally(() => timer.cancel());
      };
      if (signal.aborted) wait();
      else signal.addEventListener("abort", wait, { once: true });
    });
  }
}

/** A reconcile was aborted because it took too long. */
export class ReconcileTimeout extends Error {
  override readonly name = "ReconcileTimeout";

  constructor(ms: number) {
    super(`the reconcile was stopped: it took longer than ${ms} ms`);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
