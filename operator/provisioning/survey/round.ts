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

const DIFFERENCES_SHOWN = 10;
/** Attempts that may bring nothing new before devices that are left out of every answer are passed over. */
const BARREN_ATTEMPTS = 3;
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
  #restMs = 0;

  constructor(spec: RoundSpec, deps: RoundDeps) {
    this.#spec = spec;
    this.#deps = deps;
  }

  get spec(): RoundSpec {
    return this.#spec;
  }

  /** For how long the cloud is to be left alone after the last request, in milliseconds. */
  get restMs(): number {
    return this.#restMs;
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
   * @throws InteropError, ManifestError, NotNow, Untold; the signal's reason: after each of these it can be tried again
   */
  async attempt(lane: Lane, signal: AbortSignal): Promise<RoundResult | undefined> {
    const { chunks, most, round } = this.#spec;
    this.#open ??= new Set(sampleOf(chunks(), most, round));
    while (this.#open.size > 0) {
      const before = this.#open.size;
      await this.#pass(this.#open, lane, signal);
      this.#barren = this.#open.size < before ? 0 : this.#barren + 1;
      if (this.#barren >= BARREN_ATTEMPTS) break;
    }
    if (this.#asked === 0 && this.#untold !== undefined) throw this.#beginAgain(this.#untold);
    return this.#asked === 0 ? undefined : this.#result();
  }

  #beginAgain(untold: { reason: string; message: string }): Untold {
    this.#open = undefined;
    this.#barren = 0;
    return new Untold(untold, false);
  }

  /** One way through the manifest. */
  async #pass(open: Set<number>, lane: Lane, signal: AbortSignal): Promise<void> {
    let parcels: Parcel[] = [];
    const ask = async (): Promise<void> => {
      await this.#deps.clock.sleep(this.#restMs, signal);
      this.#restMs = await this.#ask(parcels, open, lane, signal);
      parcels = [];
    };
    const skip = (ordinal: number): boolean => !open.has(ordinal);
    for await (const record of this.#deps.contents.read(this.#spec.contents, signal, skip)) {
      if (!open.has(record.ordinal)) continue;
      // The ledger calls it provisioned, so this does not happen; it must not be waited for all the same.
      if (record.kind === "refused") open.delete(record.ordinal);
      else parcels.push({ ordinal: record.ordinal, ref: record.deviceId, der: record.der });
      if (parcels.length >= this.#size(lane)) await ask();
    }
    if (parcels.length > 0) await ask();
  }

  #size(lane: Lane): number {
    const { limits } = this.#spec;
    return Math.min(this.#mostTogether, requestSize(lane.view, limits));
  }

  /** One request. @returns milliseconds for which the cloud is to be left alone after it */
  async #ask(
    parcels: readonly Parcel[],
    open: Set<number>,
    lane: Lane,
    signal: AbortSignal,
  ): Promise<number> {
    const { caller, clock, mayAct } = this.#deps;
    const { interop, contents, limits } = this.#spec;
    if (!mayAct()) throw new NotNow("this operator's lease was not renewed of late");
    const started = monotonic(clock);
    let answers;
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
      answers = await caller.status(interop, parcels, deadline, contents.batchId);
      this.#tell(parcels.length, started, "Answered");
    } catch (error) {
      if (error instanceof InteropError) {
        this.#tell(parcels.length, started, error.reason);
        if (error.reason === "Timeout" || error.reason === "BadRequest") this.#askFewer(parcels.length);
      }
      throw error;
    }
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
    return pauseMs(parcels.length, monotonic(clock) - started, lane.view.rate, limits);
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
