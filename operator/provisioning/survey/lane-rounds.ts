import { InteropError } from "../../../interop/caller/caller.ts";
import { ManifestError } from "../../manifests/index.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Berths } from "../berths.ts";
import { signalOf } from "../delivery.ts";
import { NotNow } from "../errand.ts";
import type { Lane } from "../lane.ts";
import { LedgerFormatError } from "../ledger/format.ts";
import type { Hindrance } from "../placement-spec.ts";
import { type Round, type RoundResult, Untold } from "./round.ts";

export interface LaneRoundsDeps {
  readonly lane: Lane;
  /** Places for rounds under way, of all clouds together: each holds a manifest. */
  readonly places: Berths;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Ends all rounds, when the process must end. */
  readonly giveUp: AbortSignal;
  /** A round has ended; undefined: there was nobody to ask about. */
  readonly ended: (round: Round, result: RoundResult | undefined) => void;
  readonly hindered: (round: Round, hindrance: Hindrance) => void;
  /** No round is left. */
  readonly empty: () => void;
}

const FIRST_REST_MS = 30_000;
const LONGEST_REST_MS = 10 * 60_000;

/** Makes the rounds at one product cloud, one after the other, while no placement has to do with it. */
export class LaneRounds {
  readonly #deps: LaneRoundsDeps;
  readonly #queue: Round[] = [];
  #working = false;
  /** Faults in a row, of whichever rounds. */
  #faults = 0;
  #rest = new AbortController();

  constructor(deps: LaneRoundsDeps) {
    this.#deps = deps;
  }

  add(round: Round): void {
    if (round.spec.urgent) {
      const at = this.#queue.findIndex(({ spec }) => !spec.urgent);
      this.#queue.splice(at < 0 ? this.#queue.length : at, 0, round);
      // A person asks: the cloud may have been put right.
      this.#rest.abort(new Error("somebody asks"));
    } else this.#queue.push(round);
    if (!this.#working) void this.#work();
  }

  /** Throws nothing. */
  async #work(): Promise<void> {
    this.#working = true;
    while (!this.#deps.giveUp.aborted) {
      const round = this.#queue.shift();
      if (round === undefined) break;
      if (round.signal.aborted) continue;
      const signal = AbortSignal.any([round.signal, this.#deps.giveUp]);
      try {
        const result = await this.#make(round, signal);
        if (signal.aborted) continue;
        this.#faults = 0;
        this.#deps.ended(round, result);
        await this.#deps.clock.sleep(round.restMs, this.#deps.giveUp);
      } catch (error) {
        if (signal.aborted) continue;
        // The others first: it may be this one's fault alone.
        this.#queue.push(round);
        await this.#hinder(round, error);
      }
    }
    this.#working = false;
    if (!this.#deps.giveUp.aborted) this.#deps.empty();
  }

  async #make(round: Round, signal: AbortSignal): Promise<RoundResult | undefined> {
    const { lane, places, clock } = this.#deps;
    for (;;) {
      const claimed = await lane.idle(signal);
      const wait = lane.pausedUntil - clock.now();
      if (wait > 0) {
        await clock.sleep(wait, signal);
        continue;
      }
      const leave = await places.enter(signal);
      try {
        return await round.attempt(lane, AbortSignal.any([signal, claimed]));
      } catch (error) {
        // Provisioning goes first; what was told by then is not asked again.
        if (!claimed.aborted || signal.aborted) throw error;
      } finally {
        leave();
      }
    }
  }

  async #hinder(round: Round, error: unknown): Promise<void> {
    const { clock, random, lane, giveUp } = this.#deps;
    if (error instanceof InteropError && error.reason !== "BadRequest") lane.heard(signalOf(error));
    if (error instanceof Untold && error.busy) lane.heard({ kind: "throttled" });
    const rest =
      Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(this.#faults, 10)) * (0.5 + random() / 2);
    this.#faults += 1;
    const nextTryAt = clock.now() + rest;
    this.#deps.hindered(round, { ...this.#explain(round, error), nextTryAt });
    this.#rest = new AbortController();
    await clock.sleep(rest, AbortSignal.any([giveUp, this.#rest.signal])).catch(() => undefined);
  }

  #explain(round: Round, error: unknown): Hindrance {
    if (error instanceof Untold)
      return { reason: error.busy ? "CloudBusy" : error.reason, message: error.message };
    if (error instanceof InteropError || error instanceof ManifestError) {
      return { reason: error.reason, message: error.message };
    }
    if (error instanceof NotNow) return { reason: "LeaseNotRenewed", message: error.message };
    if (error instanceof LedgerFormatError) return { reason: "LedgerUnreadable", message: error.message };
    this.#deps.log.error({ err: error, reel: round.spec.ledger.reel }, "a check failed");
    return { reason: "InternalError", message: "an unexpected fault; see the operator's log" };
  }
}
