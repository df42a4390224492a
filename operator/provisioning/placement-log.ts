import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Counts } from "./ledger/states.ts";
import type { LastingHindrance, PlacementProgress, PlacementSpec } from "./placement-spec.ts";
import { PACED } from "./reasons.ts";

/** A cloud that throttles, or fails now and then, does so on and off: a reason is told once in so long. */
const TOLD_AGAIN_MS = 10 * 60_000;
/** What passes sooner is not told to be over. */
const LASTS_MS = 10_000;

/**
 * Writes into the log what becomes of one placement: that it begins, what holds it up, that it goes on, how it ends. A
 * line for each such turn, none for a request or a device; `namespace`, `batch` and `cloud` as in a reconcile's lines.
 */
export class PlacementLog {
  readonly #log: Logger;
  readonly #clock: Pick<Clock, "now">;
  readonly #began: number;
  readonly #told = new Map<string, number>();
  /** The hindrance that is on, where it was told. */
  #on: LastingHindrance | undefined;

  constructor(spec: PlacementSpec, log: Logger, clock: Pick<Clock, "now">) {
    const { account, reel, cloudApi, target, records } = spec.ledger;
    const { direction, contents } = spec;
    this.#log = log.child({
      module: "ferry",
      namespace: account,
      reel,
      batch: contents.batchId,
      cloud: cloudApi,
      target: target.key,
      direction,
    });
    this.#clock = clock;
    this.#began = clock.now();
    this.#log.info({ records }, "a placement begins");
  }

  /** Its ledger calls every device pending again, for a request that was not handled before. */
  wantedAgain(request: string | undefined): void {
    this.#log.info({ request }, "every device is to be provisioned again");
  }

  /** To be told whenever something may have changed: writes a line when that is a turn. */
  follow({ hindrance }: Pick<PlacementProgress, "hindrance">): void {
    const now = this.#clock.now();
    if (hindrance === undefined) {
      this.#wentOn(now);
      return;
    }
    const { reason, message, since, nextTryAt } = hindrance;
    if (this.#on?.reason === reason || now - (this.#told.get(reason) ?? -Infinity) < TOLD_AGAIN_MS) return;
    this.#told.set(reason, now);
    this.#on = hindrance;
    // A lane that may be tried at once says so with a time that is past.
    const planned = nextTryAt !== undefined && Number.isFinite(nextTryAt) && nextTryAt > now;
    const next = planned ? { nextTryAt: time(nextTryAt) } : {};
    this.#log[PACED.has(reason) ? "info" : "warn"](
      { reason, message, since: time(since), ...next },
      "a placement is held up",
    );
  }

  /** @param counts what the ledger says; undefined when nothing of it is left. */
  ended(
    { hindrance }: Pick<PlacementProgress, "hindrance">,
    counts: Counts | undefined,
    stopped: boolean,
  ): void {
    const seconds = Math.round((this.#clock.now() - this.#began) / 100) / 10;
    const { provisioned, failed, pending } = counts ?? {};
    const held = hindrance === undefined ? {} : { reason: hindrance.reason };
    this.#log.info(
      { provisioned, failed, pending, seconds, ...held },
      stopped ? "a placement was stopped" : "a placement has ended",
    );
  }

  #wentOn(now: number): void {
    const over = this.#on;
    this.#on = undefined;
    if (over === undefined || now - over.since < LASTS_MS) return;
    const seconds = Math.round((now - over.since) / 1_000);
    this.#log.info({ reason: over.reason, seconds }, "a placement goes on");
  }
}

function time(at: number): string {
  return new Date(at).toISOString();
}
