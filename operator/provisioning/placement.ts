import { InteropError } from "../../interop/caller/errors.ts";
import { ManifestError } from "../manifests/index.ts";
import { ApiError } from "../runtime/api-error.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Checkpoint } from "./checkpoint.ts";
import { Delivery, notWritten } from "./delivery.ts";
import type { Lane, Seat } from "./lane.ts";
import { LedgerFormatError } from "./ledger/format.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { LedgerConflict, type LedgerStore } from "./ledger/store.ts";
import { type Counts, failed, failureReason, isFailed, PENDING, QUARANTINED } from "./ledger/states.ts";
import { Goodput } from "./goodput.ts";
import { type FerryObserver, observed } from "./observer.ts";
import type {
  DeviceFailure,
  Direction,
  Hindrance,
  LastingHindrance,
  PlacementLimit,
  PlacementProgress,
  PlacementSpec,
} from "./placement-spec.ts";
import { placementKey } from "./placement-spec.ts";
import { collision, EXPLAINED } from "./failure-words.ts";
import { Refusals } from "./refusals.ts";
import type { ReelContents } from "./reel-contents.ts";
import type { Caller } from "./caller-port.ts";
import { deprovisioning, type Errand, NotNow, provisioning } from "./errand.ts";

/** What every placement of a ferry shares. */
export interface PlacementDeps {
  readonly caller: Caller;
  readonly contents: Pick<ReelContents, "inspect" | "read">;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Ends calls that are under way, when the process must end. */
  readonly giveUp: AbortSignal;
  /** Whether this process is sure to be the only one at work: asked before anything is sent to a cloud. */
  readonly mayAct: () => boolean;
  /** Told of requests and answers, for metrics. */
  readonly observer?: FerryObserver;
  /** Called, cheaply and often, when something that people may see has changed. */
  readonly changed: (key: string) => void;
  /** Told when devices that were dealt with are pending again, for a "provision now" request. */
  readonly wantedAgain: (request: string | undefined) => void;
}

const FAILURES_SHOWN = 10;
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
const FLUSH_MS = 10_000;
/** After so long a pass makes way for placements that wait to read. */
const SLICE_MS = 30_000;
/** Who has no more devices than this to send does not wait for the slices of the others. */
const LITTLE = 100;

/**
 * Takes one reel's devices into one product cloud: reads the ledger, passes through the manifest, sends what
 * is pending, notes each answer, and goes on until nothing is pending or it is stopped.
 */
export class Placement {
  readonly key: string;
  readonly #deps: PlacementDeps;
  readonly #lane: Lane;
  readonly #errand: Errand;
  readonly #stop = new AbortController();
  readonly #goodput = new Goodput();
  #spec: PlacementSpec;
  #ledger: Ledger | undefined;
  #checkpoint: Checkpoint | undefined;
  #hindrance: LastingHindrance | undefined;
  #failures: DeviceFailure[] = [];
  #running = true;
  /** Devices that went in during the pass under way. */
  #admitted = 0;
  #madeWay = false;
  /** For a place to read its manifest. */
  #waiting = false;
  /** The last pass brought nothing in because the cloud attaches no policy: the next one asks with one request. */
  #withoutPolicy = false;
  readonly #refusals = new Refusals();

  constructor(spec: PlacementSpec, lane: Lane, deps: PlacementDeps) {
    this.key = placementKey(spec.ledger);
    this.#spec = spec;
    this.#lane = lane;
    this.#deps = deps;
    const errand = spec.direction === "in" ? provisioning : deprovisioning;
    const made = errand(deps.caller, deps.mayAct);
    this.#errand = deps.observer === undefined ? made : observed(made, deps.observer, deps.clock);
  }

  get direction(): Direction {
    return this.#spec.direction;
  }

  /** What its ledger says, written or not; undefined while it is not read, and when nothing is left to remember. */
  get counts(): Counts | undefined {
    return this.#ledger?.counts();
  }

  /** Takes changed wishes, but for the direction; the next request follows them. */
  update(spec: PlacementSpec): void {
    const before = this.#spec.request;
    this.#spec = spec;
    if (spec.request !== before) this.#takeUp();
  }

  progress(): PlacementProgress {
    return {
      running: this.#running,
      direction: this.#spec.direction,
      hindrance: this.#hindrance,
      devicesPerSecond: this.#goodput.perSecond(this.#deps.clock.now()),
      limitedBy: this.#limitedBy(),
      failures: this.#failures,
    };
  }

  #limitedBy(): PlacementLimit | undefined {
    if (!this.#running) return undefined;
    const { limitedBy } = this.#lane;
    if (limitedBy === "Unreachable") return { by: limitedBy, nextTryAt: this.#lane.pausedUntil };
    if (this.#waiting) return { by: "Turn" };
    return limitedBy === undefined ? undefined : { by: limitedBy };
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Sends nothing more; `run` resolves when the last answer is in and written. */
  stop(): void {
    this.#stop.abort(new Error("the placement was stopped"));
  }

  /** Works until nothing is pending or `stop` is called; throws nothing. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    let rests = 0;
    let before = Infinity;
    while (!signal.aborted) {
      let rest: number;
      try {
        const left = await this.#pass(signal);
        if (left === 0) break;
        rests = left < before ? 0 : rests + 1;
        before = left;
        // A pass that made way goes on as soon as it is its turn again.
        rest = this.#madeWay ? 0 : this.#restMs(rests);
        this.#waitFor(rest);
      } catch (error) {
        if (signal.aborted) break;
        rests += 1;
        // A lost race is read again at once; one that is lost again and again is none.
        rest = error instanceof LedgerConflict && rests === 1 ? 0 : this.#restMs(rests);
        this.#hinder(error, rest);
      }
      await this.#deps.clock.sleep(rest, signal).catch(() => undefined);
    }
    await this.#writeLast();
    this.#checkpoint?.close();
    // Whoever awaits this tells of the end, when nothing of the placement is left.
    this.#running = false;
  }

  /**
   * What was answered must be known to whoever comes next, or devices would be forgotten in a cloud: a stopped
   * placement ends only when its ledger is written, or when the process has to go.
   */
  async #writeLast(): Promise<void> {
    const { clock, giveUp } = this.#deps;
    for (let tries = 0; this.#ledger?.dirty === true && !giveUp.aborted; tries += 1) {
      try {
        await this.#checkpoint?.flush(AbortSignal.any([giveUp, AbortSignal.timeout(FLUSH_MS)]));
      } catch (error) {
        const rest = this.#restMs(tries);
        this.#hinder(error, rest);
        await clock.sleep(rest, giveUp).catch(() => undefined);
      }
    }
  }

  /** One way through the manifest. @returns how many devices are still pending. */
  async #pass(signal: AbortSignal): Promise<number> {
    const left = this.#ledger === undefined ? this.#spec.ledger.records : this.#errand.left(this.#ledger);
    this.#waiting = true;
    const boarding = this.#lane.board(signal, left <= LITTLE);
    const seat = await boarding.finally(() => (this.#waiting = false));
    try {
      return await this.#passAboard(seat, signal);
    } finally {
      seat.leave();
    }
  }

  async #passAboard(seat: Seat, signal: AbortSignal): Promise<number> {
    const { ledger, checkpoint } = await this.#open(signal);
    const delivery = new Delivery({
      spec: () => this.#spec,
      errand: this.#errand,
      seat,
      ledger,
      checkpoint,
      refusals: this.#refusals,
      clock: this.#deps.clock,
      giveUp: this.#deps.giveUp,
      delivered: (devices) => {
        this.#goodput.add(devices, this.#deps.clock.now());
        this.#admitted += devices;
        this.#hindrance = undefined;
      },
      hindered: (hindrance) => this.#suffer(hindrance),
      failed: (failure) => this.#note(failure),
      changed: () => this.#deps.changed(this.key),
    });
    this.#failures = [];
    this.#admitted = 0;
    this.#madeWay = false;
    try {
      if (this.#errand.left(ledger) > 0 || ledger.counts().failed > 0)
        await this.#sendWanted(ledger, delivery, signal);
    } finally {
      await delivery.settled();
      this.#withoutPolicy = this.#admitted === 0 && this.#hindrance?.reason === "PolicyMissing";
      await this.#close(ledger, checkpoint);
    }
    const left = this.#errand.left(ledger);
    if (left === 0 && !this.#errand.inward) await this.#forgetOut(ledger, checkpoint);
    return left;
  }

  /** Nobody is in the cloud any more, so there is nothing left to remember. */
  async #forgetOut(ledger: Ledger, checkpoint: Checkpoint): Promise<void> {
    checkpoint.close();
    await this.#deps.store.remove(this.#spec.ledger, ledger, AbortSignal.timeout(FLUSH_MS));
    this.#forget();
  }

  async #open(signal: AbortSignal): Promise<{ ledger: Ledger; checkpoint: Checkpoint }> {
    if (this.#ledger !== undefined && this.#checkpoint !== undefined) {
      return { ledger: this.#ledger, checkpoint: this.#checkpoint };
    }
    const ledger = await this.#deps.store.load(this.#spec.ledger, signal);
    const checkpoint = new Checkpoint(this.#deps.store, () => this.#spec.ledger, ledger, this.#deps.clock);
    const { request } = this.#spec;
    const { begun, epoch } = ledger;
    // One that is not there is not kept, or it would be written at the end.
    if (!this.#errand.begin(ledger, request, this.#deps.clock.now())) return { ledger, checkpoint };
    try {
      await checkpoint.flush(signal);
    } catch (error) {
      checkpoint.close();
      throw error;
    }
    this.#ledger = ledger;
    this.#checkpoint = checkpoint;
    if (begun && ledger.epoch !== epoch) this.#deps.wantedAgain(request);
    // Asked for anew while the intent was written.
    this.#takeUp();
    return { ledger, checkpoint };
  }

  #takeUp(): void {
    const { request } = this.#spec;
    const before = this.#ledger?.epoch;
    if (this.#ledger !== undefined) this.#errand.takeUp(this.#ledger, request);
    if (this.#ledger?.epoch !== before) this.#deps.wantedAgain(request);
    this.#refusals.clear();
    this.#checkpoint?.changed();
  }

  async #sendWanted(ledger: Ledger, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { contents, namesBySerial } = this.#spec;
    const until = this.#deps.clock.now() + SLICE_MS;
    const looksForTwins = namesBySerial && this.#errand.inward;
    const summary = looksForTwins ? await this.#deps.contents.inspect(contents, signal) : undefined;
    for await (const record of this.#deps.contents.read(contents, signal, this.#errand.skips(ledger))) {
      const state = ledger.state(record.ordinal);
      if (record.kind === "refused") {
        if (state === PENDING) ledger.mark(record.ordinal, QUARANTINED);
        continue;
      }
      if (isFailed(state) && this.#errand.inward) {
        const reason = failureReason(state);
        this.#note({ device: record.deviceId, reason, message: EXPLAINED[reason] ?? "the cloud refused it" });
      }
      if (!this.#errand.wants(state)) continue;
      if (summary?.collidingSerials.has(record.serial) === true) {
        ledger.mark(record.ordinal, failed("SerialCollision"));
        this.#note({ device: record.deviceId, reason: "SerialCollision", message: collision(record.serial) });
        continue;
      }
      const turn = delivery.add({ ordinal: record.ordinal, ref: record.deviceId, der: record.der }, signal);
      if (turn === undefined) continue;
      await turn;
      if (await this.#mayGoOn(delivery, until)) continue;
      this.#madeWay = this.#lane.crowded;
      break;
    }
    await delivery.finish(signal);
  }

  /** Whether the pass goes on to the next device. */
  async #mayGoOn(delivery: Delivery, until: number): Promise<boolean> {
    if (this.#withoutPolicy && delivery.sent > 0) {
      await delivery.settled();
      if (this.#admitted === 0) return false;
      this.#withoutPolicy = false;
    }
    return !this.#lane.crowded || this.#deps.clock.now() < until;
  }

  async #close(ledger: Ledger, checkpoint: Checkpoint): Promise<void> {
    if (this.#errand.left(ledger) === 0) this.#errand.end(ledger, this.#deps.clock.now());
    try {
      if (ledger.begun) await checkpoint.flush(AbortSignal.timeout(FLUSH_MS));
    } catch (error) {
      if (error instanceof LedgerConflict) this.#forget();
      throw error;
    }
    this.#deps.changed(this.key);
  }

  #forget(): void {
    this.#checkpoint?.close();
    this.#checkpoint = undefined;
    this.#ledger = undefined;
  }

  #note(failure: DeviceFailure): void {
    if (this.#failures.length < FAILURES_SHOWN) this.#failures = [...this.#failures, failure];
  }

  #restMs(rests: number): number {
    return (
      Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(rests, 10)) * (0.5 + this.#deps.random() / 2)
    );
  }

  #waitFor(restMs: number): void {
    if (this.#hindrance === undefined) return;
    this.#hindrance = { ...this.#hindrance, nextTryAt: this.#deps.clock.now() + restMs };
    this.#deps.changed(this.key);
  }

  #suffer(hindrance: Hindrance): void {
    this.#hindrance = { ...hindrance, since: this.#hindrance?.since ?? this.#deps.clock.now() };
  }

  #hinder(error: unknown, restMs: number): void {
    if (error instanceof LedgerConflict) {
      this.#forget();
      return;
    }
    const nextTryAt = this.#deps.clock.now() + restMs;
    if (error instanceof ManifestError || error instanceof InteropError) {
      this.#suffer({ reason: error.reason, message: error.message, nextTryAt });
    } else if (error instanceof NotNow) {
      this.#suffer({ reason: "LeaseNotRenewed", message: error.message, nextTryAt });
    } else if (error instanceof LedgerFormatError) {
      this.#suffer({ reason: "LedgerUnreadable", message: error.message, nextTryAt });
    } else if (error instanceof ApiError || isTimeout(error)) {
      this.#suffer({ ...notWritten(error), nextTryAt });
    } else {
      this.#deps.log.error({ err: error, placement: this.key }, "placement failed");
      const message = "an unexpected fault; see the operator's log";
      this.#suffer({ reason: "InternalError", message, nextTryAt });
    }
    this.#deps.changed(this.key);
  }
}

/** The deadline of a flush: the API server, or the budget that all ledgers share, takes its time. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
