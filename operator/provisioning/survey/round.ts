import { InteropError, type InteropTarget } from "../../../interop/caller/caller.ts";
import { type Clock, monotonic } from "../../runtime/clock.ts";
import type { StatusCaller } from "../caller-port.ts";
import type { Lane } from "../lane.ts";
import type { LedgerIdentity } from "../ledger/store.ts";
import type { PaceLimits } from "../pace.ts";
import type { ContentsQuery, ReelContents } from "../reel-contents.ts";
import { NotNow } from "../errand.ts";
import { pauseMs, requestSize } from "./restraint.ts";
import { sampleOf, type StateChunk } from "./sample.ts";
import { type Standing, standingOf } from "./standing.ts";

/** One round of questions: how a reel's devices stand in one cloud, as the controllers want it. */
export interface RoundSpec {
  readonly ledger: LedgerIdentity;
  readonly contents: ContentsQuery;
  /** Of a cloud that offers `status`. */
  readonly interop: InteropTarget;
  readonly limits: PaceLimits;
  /** What the ledger says; read when the round begins. */
  readonly chunks: () => readonly StateChunk[];
  /** How many devices are asked about, at most. */
  readonly most: number;
  /** Rounds that were made before: the next one begins with other devices. */
  readonly round: number;
  /** The "check now" request that it answers. */
  readonly request: string | undefined;
  /** Somebody waits for it: it goes before the others. */
  readonly urgent: boolean;
}

/** A device that is not in its cloud as it was left there. */
export interface Difference {
  readonly device: string;
  /** In the protocol's words, e.g. `Missing`; several are joined by commas. */
  readonly what: string;
}

/** What a whole round has brought. */
export interface RoundResult {
  /** Epoch ms of the last answer. */
  readonly toldAt: number;
  readonly asked: number;
  readonly active: number;
  readonly differing: number;
  /** The first ten of them, in the reel's order. */
  readonly differences: readonly Difference[];
  /** How many rounds there were, with this one. */
  readonly rounds: number;
  readonly request: string | undefined;
}

/** One request of a round, for metrics. */
export interface QuestionReport {
  readonly account: string;
  readonly cloudApi: string;
  readonly type: LedgerIdentity["target"]["type"];
  readonly devices: number;
  readonly seconds: number;
  /** `Answered`, or the reason of the fault. */
  readonly outcome: string;
}

/** What every round shares. */
export interface RoundDeps {
  readonly caller: StatusCaller;
  readonly contents: Pick<ReelContents, "read">;
  readonly clock: Clock;
  readonly mayAct: () => boolean;
  readonly observer?: { questioned(report: QuestionReport): void };
}

/** What a round may do at its cloud, for as long as its signal has not fired. */
export interface Turn {
  readonly lane: Pick<Lane, "view">;
  readonly signal: AbortSignal;
  /** Waits until the cloud may be asked. Throws when the round is to go on in another turn, which is no fault. */
  readonly quiet: () => Promise<void>;
  /** The cloud is to be left alone for so long, by whichever round. */
  readonly leaveAlone: (ms: number) => void;
}

/** The cloud answered and told nothing of a device, or of all: it is asked again later. */
export class Untold extends Error {
  override name = "Untold";
  readonly reason: string;
  readonly busy: boolean;

  constructor({ reason, message }: { reason: string; message: string }, busy: boolean) {
    super(message);
    this.reason = reason;
    this.busy = busy;
  }
}

/** Otherwise it would be read again and again. */
const NOT_MET = { reason: "InternalError", message: "the manifest does not have the devices of the ledger" };
const DIFFERENCES_SHOWN = 10;
/** Attempts that may bring nothing new before devices that are left out of every answer are passed over. */
const BARREN_ATTEMPTS = 3;
/** Faults that may be a request's own, and not those of the cloud's: others go through. */
const PERHAPS_OWN: ReadonlySet<string> = new Set(["ServerError", "BadAnswer", "ConnectionBroken"]);
/** After so many of these in a row fewer are asked about at once, so that a device that the callee dies of is alone. */
const TRIES_TOGETHER = 3;
/** The caller has a deadline of its own; this one only keeps a fault in it from holding a round for ever. */
const CALL_MS = 120_000;

/** A round under way. It can break off and go on where it was; what it found counts when it has met everybody. */
export class Round {
  readonly #deps: RoundDeps;
  readonly #stop = new AbortController();
  #spec: RoundSpec;
  /** Ordinals that are still to be asked about; undefined before it has begun. */
  #open: Set<number> | undefined;
  #asked = 0;
  #active = 0;
  #differing = new Map<number, Difference>();
  #differences = 0;
  #untold: { reason: string; message: string } | undefined;
  #barren = 0;
  /** A cloud that had no time for so many is asked about fewer at once. */
  #mostTogether = Infinity;
  /** Requests in a row that may be at fault themselves. */
  #unanswered = 0;

  constructor(spec: RoundSpec, deps: RoundDeps) {
    this.#spec = spec;
    this.#deps = deps;
  }

  get spec(): RoundSpec {
    return this.#spec;
  }

  /** Fires when it is wanted no more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Takes a changed way to the cloud; the next request follows it. */
  update(spec: RoundSpec): void {
    this.#spec = spec;
  }

  stop(): void {
    this.#stop.abort(new Error("the round was stopped"));
  }

  /**
   * Asks about everybody who is still to be asked about.
   * @returns undefined where there was nobody to ask about
   * @throws InteropError, ManifestError, NotNow, Untold; what the turn's `quiet` throws; the signal's reason: after each
   * of these it can be tried again
   */
  async attempt(turn: Turn): Promise<RoundResult | undefined> {
    const { chunks, most, round } = this.#spec;
    this.#open ??= new Set(sampleOf(chunks(), most, round));
    while (this.#open.size > 0) {
      const before = this.#open.size;
      await this.#pass(this.#open, turn);
      this.#barren = this.#open.size < before ? 0 : this.#barren + 1;
      if (this.#barren >= BARREN_ATTEMPTS) break;
    }
    return this.#asked === 0 ? this.#beginAgain() : this.#result();
  }

  /** @returns undefined where there is nobody. @throws Untold */
  #beginAgain(): undefined {
    const untold = this.#untold ?? (this.#open?.size === 0 ? undefined : NOT_MET);
    this.#open = undefined;
    this.#barren = 0;
    if (untold !== undefined) throw new Untold(untold, false);
    return undefined;
  }

  /** One way through the manifest. */
  async #pass(open: Set<number>, turn: Turn): Promise<void> {
    let parcels: Parcel[] = [];
    const ask = async (): Promise<void> => {
      await turn.quiet();
      await this.#ask(parcels, open, turn);
      parcels = [];
    };
    const skip = (ordinal: number): boolean => !open.has(ordinal);
    for await (const record of this.#deps.contents.read(this.#spec.contents, turn.signal, skip)) {
      if (!open.has(record.ordinal)) continue;
      // The ledger calls it provisioned, so this does not happen; it must not be waited for all the same.
      if (record.kind === "refused") open.delete(record.ordinal);
      else parcels.push({ ordinal: record.ordinal, ref: record.deviceId, der: record.der });
      if (parcels.length >= this.#size(turn)) await ask();
    }
    if (parcels.length > 0) await ask();
  }

  #size({ lane }: Turn): number {
    const { limits } = this.#spec;
    return Math.min(this.#mostTogether, requestSize(lane.view, limits));
  }

  /** One request. */
  async #ask(parcels: readonly Parcel[], open: Set<number>, turn: Turn): Promise<void> {
    const answers = await this.#answers(parcels, turn).catch((error: unknown) => {
      if (error instanceof InteropError) this.#failed(error, parcels, open);
      throw error;
    });
    this.#unanswered = 0;
    let busy: Standing | undefined;
    for (const parcel of parcels) {
      const standing = standingOf(answers.get(parcel.ref));
      if (!standing.told) this.#untold = standing;
      if (standing.told) this.#note(parcel, standing);
      else if (standing.again === "busy") busy = standing;
      else if (standing.again === "late") this.#askFewer(parcels.length);
      if (standing.told || standing.again === undefined) open.delete(parcel.ordinal);
    }
    if (busy?.told === false) throw new Untold(busy, true);
  }

  /** Also of a request that was broken off the cloud is to rest. */
  async #answers(
    parcels: readonly Parcel[],
    { lane, signal, leaveAlone }: Turn,
  ): Promise<Awaited<ReturnType<StatusCaller["status"]>>> {
    const { caller, clock, mayAct } = this.#deps;
    const { interop, contents, limits } = this.#spec;
    if (!mayAct()) throw new NotNow("this operator's lease was not renewed of late");
    const started = monotonic(clock);
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
      const answers = await caller.status(interop, parcels, deadline, contents.batchId);
      this.#tell(parcels.length, started, "Answered");
      return answers;
    } catch (error) {
      if (error instanceof InteropError) this.#tell(parcels.length, started, error.reason);
      throw error;
    } finally {
      leaveAlone(pauseMs(parcels.length, monotonic(clock) - started, lane.view.rate, limits));
    }
  }

  /** A device that is asked about alone, and has no answer all the same, is not waited for. */
  #failed({ reason, message }: InteropError, parcels: readonly Parcel[], open: Set<number>): void {
    const own = reason === "BadRequest" || reason === "Timeout";
    if (!own && !PERHAPS_OWN.has(reason)) return;
    this.#unanswered += 1;
    const often = this.#unanswered >= TRIES_TOGETHER;
    if (own || often) this.#askFewer(parcels.length);
    const [first] = parcels;
    if (parcels.length === 1 && first !== undefined && (often || reason === "BadRequest")) {
      this.#untold = { reason, message };
      open.delete(first.ordinal);
      this.#unanswered = 0;
    } else if (often) this.#unanswered = 0;
  }

  #note({ ordinal, ref }: Parcel, { active, differs }: Extract<Standing, { told: true }>): void {
    this.#asked += 1;
    if (active) this.#active += 1;
    if (differs.length === 0) return;
    this.#differences += 1;
    // In the reel's order, whichever request they were answered in: the earliest ten are kept.
    this.#differing.set(ordinal, { device: ref, what: differs.join(", ") });
    if (this.#differing.size > DIFFERENCES_SHOWN) this.#differing.delete(Math.max(...this.#differing.keys()));
  }

  #askFewer(devices: number): void {
    this.#mostTogether = Math.max(1, Math.floor(devices / 2));
  }

  #tell(devices: number, started: number, outcome: string): void {
    const { account, cloudApi, target } = this.#spec.ledger;
    const seconds = (monotonic(this.#deps.clock) - started) / 1_000;
    this.#deps.observer?.questioned({ account, cloudApi, type: target.type, devices, seconds, outcome });
  }

  #result(): RoundResult {
    const { round, request } = this.#spec;
    return {
      toldAt: this.#deps.clock.now(),
      asked: this.#asked,
      active: this.#active,
      differing: this.#differences,
      differences: [...this.#differing].sort(([a], [b]) => a - b).map(([, difference]) => difference),
      rounds: round + 1,
      request,
    };
  }
}

interface Parcel {
  readonly ordinal: number;
  readonly ref: string;
  readonly der: Uint8Array;
}
