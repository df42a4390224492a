import type { Logger } from "../../runtime/logger.ts";
import { Berths } from "../berths.ts";
import type { Lane } from "../lane.ts";
import type { Hindrance } from "../placement-spec.ts";
import { placementKey } from "../placement-spec.ts";
import { LaneRounds } from "./lane-rounds.ts";
import { Round, type RoundDeps, type RoundResult, type RoundSpec } from "./round.ts";

export type { Difference, QuestionReport, RoundResult, RoundSpec } from "./round.ts";

export interface SurveysDeps extends RoundDeps {
  /** The way to a cloud, which its placements share. */
  readonly lane: (spec: RoundSpec) => Lane;
  readonly random: () => number;
  readonly log: Logger;
  /** Called when a round has ended, or was held up. */
  readonly changed: (key: string) => void;
}

/** Rounds under way at a time, of all clouds together. */
const MOST_UNDER_WAY = 4;

/** What is known of a reel's rounds in one cloud. */
export interface SurveyView {
  /** Of the last whole round that this process made. */
  readonly result: RoundResult | undefined;
  /** What holds the round up that is wanted. */
  readonly hindrance: Hindrance | undefined;
}

/**
 * Asks clouds how the devices stand that they were given: a round for each reel and cloud, when the controllers
 * declare one. Nothing of it is written down here, and placements never wait for it.
 */
export class Surveys {
  readonly #deps: SurveysDeps;
  readonly #giveUp = new AbortController();
  readonly #places = new Berths(MOST_UNDER_WAY);
  readonly #lanes = new Map<Lane, LaneRounds>();
  /** By reel, then by placement: each reconcile asks by reel, of many thousands. */
  readonly #reels = new Map<string, Map<string, Entry>>();

  constructor(deps: SurveysDeps) {
    this.#deps = deps;
  }

  /** Wants a round: it is made when it is its turn. One that is wanted already takes the way to its cloud anew. */
  declare(spec: RoundSpec): void {
    if (this.#giveUp.signal.aborted) return;
    const key = placementKey(spec.ledger);
    const entry = this.#entry(key);
    const before = entry.round;
    if (before !== undefined && wishOf(before.spec) === wishOf(spec)) {
      before.update(spec);
      return;
    }
    before?.stop();
    entry.round = new Round(spec, this.#deps);
    entry.hindrance = undefined;
    this.#roundsAt(this.#deps.lane(spec)).add(entry.round);
  }

  /** What is known of it. */
  view(key: string): SurveyView {
    const { result, hindrance } = this.#known(key) ?? {};
    return { result, hindrance };
  }

  /** Wants no round now; what was told stays known until it is written. */
  withdraw(key: string): void {
    const entry = this.#known(key);
    if (entry === undefined) return;
    entry.round?.stop();
    entry.round = undefined;
    entry.hindrance = undefined;
    if (entry.result === undefined) this.#forget(key);
  }

  /** Forgets a result, for it is written. */
  written(key: string): void {
    const entry = this.#known(key);
    if (entry === undefined) return;
    entry.result = undefined;
    if (entry.round === undefined) this.#forget(key);
  }

  /** Forgets all that has to do with a reel, but for the clouds in `keep`. */
  withdrawReel(reel: string, keep: ReadonlySet<string> = new Set()): void {
    for (const key of this.#reels.get(reel)?.keys() ?? []) {
      if (keep.has(key)) continue;
      this.withdraw(key);
      this.written(key);
    }
  }

  /** Asks nothing more, and waits for no answer: nobody would write it down. */
  close(): void {
    this.#giveUp.abort(new Error("the surveys are closing"));
  }

  #roundsAt(lane: Lane): LaneRounds {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const { clock, random, log } = this.#deps;
    const leave = lane.keep();
    const rounds = new LaneRounds({
      lane,
      places: this.#places,
      clock,
      random,
      log,
      giveUp: this.#giveUp.signal,
      ended: (round, result) => this.#ended(round, result),
      hindered: (round, hindrance) => this.#hindered(round, hindrance),
      empty: () => {
        leave();
        this.#lanes.delete(lane);
      },
    });
    this.#lanes.set(lane, rounds);
    return rounds;
  }

  #ended(round: Round, result: RoundResult | undefined): void {
    const key = placementKey(round.spec.ledger);
    const entry = this.#known(key);
    if (entry?.round !== round) return;
    entry.round = undefined;
    entry.hindrance = undefined;
    if (result !== undefined) entry.result = result;
    else this.withdraw(key);
    this.#deps.changed(key);
  }

  #hindered(round: Round, hindrance: Hindrance): void {
    const key = placementKey(round.spec.ledger);
    const entry = this.#known(key);
    if (entry?.round !== round) return;
    entry.hindrance = hindrance;
    this.#deps.changed(key);
  }

  #entry(key: string): Entry {
    const reel = reelOf(key);
    const ofReel = this.#reels.get(reel) ?? new Map<string, Entry>();
    this.#reels.set(reel, ofReel);
    const entry = ofReel.get(key) ?? { round: undefined, result: undefined, hindrance: undefined };
    ofReel.set(key, entry);
    return entry;
  }

  #known(key: string): Entry | undefined {
    return this.#reels.get(reelOf(key))?.get(key);
  }

  #forget(key: string): void {
    const reel = reelOf(key);
    const ofReel = this.#reels.get(reel);
    ofReel?.delete(key);
    if (ofReel?.size === 0) this.#reels.delete(reel);
  }
}

interface Entry {
  round: Round | undefined;
  result: RoundResult | undefined;
  hindrance: Hindrance | undefined;
}

function reelOf(key: string): string {
  return key.split("/", 1)[0] ?? "";
}

/** What makes a round another one; how its cloud is reached does not. */
function wishOf({ ledger, contents, most, round, request, urgent, interop }: RoundSpec): string {
  const { account, target, manifestSha256 } = ledger;
  return JSON.stringify([
    account,
    target.key,
    manifestSha256,
    contents.batchId,
    most,
    round,
    request,
    urgent,
    interop.url,
  ]);
}
