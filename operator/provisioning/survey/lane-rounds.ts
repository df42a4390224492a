import { InteropError } from "../../../interop/caller/caller.ts";
import { ManifestError } from "../../manifests/index.ts";
import { type Clock, monotonic } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Berths } from "../berths.ts";
import { NotNow } from "../errand.ts";
import type { Lane } from "../lane.ts";
import { LedgerFormatError } from "../ledger/format.ts";
import type { Hindrance } from "../placement-spec.ts";
import { type Round, type RoundResult, type Turn, Untold } from "./round.ts";

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
/** However many people ask: after a fault, a cloud is left alone for so long. */
const LEAST_REST_MS = 5_000;
/** A placement that comes and goes is not to have a manifest read between each of its visits. */
const AFTER_CLAIM_MS = 5_000;
/** For so long a round keeps its place while others wait for one: slow clouds must not hold up the rest. */
const SLICE_MS = 20_000;

/** Makes the rounds at one product cloud, one after the other, while no placement has to do with it. */
export class LaneRounds {
  readonly #deps: LaneRoundsDeps;
  readonly #queue: Round[] = [];
  #working = false;
  /** Faults in a row, of whichever rounds. */
  #faults = 0;
  #rest = new AbortController();
  /** Of the monotonic clock: before that the cloud is asked nothing, whichever round it is. */
  #quietUntil = -Infinity;

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
    const { giveUp, ended, empty } = this.#deps;
    this.#working = true;
    while (!giveUp.aborted) {
      const round = this.#queue.shift();
      if (round === undefined) {
        // The next one may come at once, and would know nothing of the last one's question.
        if (this.#quietMs <= 0) break;
        await this.#quiet(giveUp).catch(() => undefined);
        continue;
      }
      if (round.signal.aborted) continue;
      const signal = AbortSignal.any([round.signal, giveUp]);
      try {
        const result = await this.#make(round, signal);
        if (signal.aborted) continue;
        this.#faults = 0;
        ended(round, result);
      } catch (error) {
        if (signal.aborted) continue;
        // The others first: it may be this one's fault alone.
        this.#queue.push(round);
        await this.#hinder(round, error);
      }
    }
    this.#working = false;
    if (!giveUp.aborted) empty();
  }

  async #make(round: Round, signal: AbortSignal): Promise<RoundResult | undefined> {
    const { lane, places, clock } = this.#deps;
    for (;;) {
      await this.#quiet(signal);
      const claimed = await lane.idle(signal);
      const wait = lane.pausedUntil - clock.now();
      if (wait > 0) {
        await clock.sleep(wait, signal);
        continue;
      }
      const leave = await places.enter(signal);
      try {
        return await round.attempt(this.#turn(AbortSignal.any([signal, claimed])));
      } catch (error) {
        if (error instanceof Yielded) continue;
        // Provisioning goes first; what was told by then is not asked again.
        if (!claimed.aborted || signal.aborted) throw error;
        this.#leaveAlone(AFTER_CLAIM_MS);
      } finally {
        leave();
      }
    }
  }

  /** What a round may do while it has its place. */
  #turn(signal: AbortSignal): Turn {
    const { lane, places, clock } = this.#deps;
    const ends = monotonic(clock) + SLICE_MS;
    return {
      lane,
      signal,
      leaveAlone: (ms) => this.#leaveAlone(ms),
      quiet: async () => {
        // The first question of a turn need not wait, so that each turn brings the round on.
        if (this.#quietMs > 0 && places.crowded && this.#quietUntil > ends) throw new Yielded();
        await this.#quiet(signal);
      },
    };
  }

  /** Milliseconds for which the cloud is to be left alone still. */
  get #quietMs(): number {
    return this.#quietUntil - monotonic(this.#deps.clock);
  }

  #leaveAlone(ms: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, monotonic(this.#deps.clock) + ms);
  }

  async #quiet(signal: AbortSignal): Promise<void> {
    if (this.#quietMs > 0) await this.#deps.clock.sleep(this.#quietMs, signal);
  }

  async #hinder(round: Round, error: unknown): Promise<void> {
    const { clock, random, lane, giveUp } = this.#deps;
    if (error instanceof InteropError && error.retryAfterMs !== undefined) {
      lane.leaveAlone(error.retryAfterMs);
    }
    const rest =
      Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(this.#faults, 10)) * (0.5 + random() / 2);
    this.#faults += 1;
    const nextTryAt = clock.now() + rest;
    this.#deps.hindered(round, { ...this.#explain(round, error), nextTryAt });
    this.#leaveAlone(LEAST_REST_MS);
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

/** A round gave its place to others and goes on when it has one again. */
class Yielded extends Error {
  override readonly name = "Yielded";
}
