import { InteropError } from "../../interop/caller/errors.ts";
import { ApiError } from "../runtime/api-error.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Lane } from "./lane.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { type Errand, NotNow, type Verdicts } from "./errand.ts";
import { failed, failureReason, isFailed, REMOVED } from "./ledger/states.ts";
import type { PendingReason } from "./outcome.ts";
import type { PaceSignal } from "./pace.ts";
import type { DeviceFailure, Hindrance, PlacementSpec } from "./placement-spec.ts";
import type { Refusals } from "./refusals.ts";

/** A device on its way. */
export interface Parcel {
  readonly ordinal: number;
  readonly ref: string;
  readonly der: Uint8Array;
}

export interface DeliveryDeps {
  readonly spec: () => PlacementSpec;
  readonly errand: Errand;
  readonly lane: Lane;
  readonly ledger: Ledger;
  readonly checkpoint: Checkpoint;
  readonly refusals: Refusals;
  readonly clock: Clock;
  /** Ends calls that are under way, when the process must end. */
  readonly giveUp: AbortSignal;
  readonly delivered: (devices: number) => void;
  readonly hindered: (hindrance: Hindrance) => void;
  readonly failed: (failure: DeviceFailure) => void;
  readonly changed: () => void;
}

/** What goes, or went, in one request. */
interface Load {
  readonly parcels: readonly Parcel[];
  /** How often these were sent together without an answer. */
  readonly tries: number;
}

/** How v1 shows, in a 200, that its cloud throttled it: at the registry, or when it asked for the policy. */
const PACED: ReadonlySet<PendingReason> = new Set(["CloudBusy", "PolicyMissing"]);
/** After so many tries without an answer a load is halved, so that one device that the callee dies of is alone. */
const TRIES_TOGETHER = 3;
/** After so many uncertain refusals a device is sent alone, so that what is wrong with it alone shows. */
const SUSPECT = 3;
/** The caller has a deadline of its own; this one only keeps a fault in it from holding a placement for ever. */
const CALL_MS = 120_000;

/**
 * Sends one pass's devices in requests of the lane's size. A request that ends without an answer (refused,
 * broken, timed out) keeps its devices: they go again in the same pass. A device that was answered with
 * "not now" is left pending for the next pass.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #underWay = new Set<Promise<void>>();
  #next: Parcel[] = [];
  #sent = 0;
  #answered = 0;
  readonly #again: Load[] = [];
  /** Why nothing more of this pass may be sent. */
  #held: NotNow | undefined;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** Takes a device; sends a request when enough are together. Waits for the lane's turn: this is the brake. */
  async add(parcel: Parcel, signal: AbortSignal): Promise<void> {
    if (this.#deps.refusals.times(parcel.ordinal) >= SUSPECT) {
      await this.#send({ parcels: [parcel], tries: 0 }, signal);
      return;
    }
    this.#next.push(parcel);
    if (this.#next.length >= this.#deps.lane.size) await this.#sendNext(signal);
  }

  /** Requests that have left. */
  get sent(): number {
    return this.#sent;
  }

  /** Sends what is left and waits until every request of the pass is answered. */
  async finish(signal: AbortSignal): Promise<void> {
    if (this.#next.length > 0) await this.#sendNext(signal);
    while (this.#again.length > 0 || this.#underWay.size > 0) {
      const load = this.#again.shift();
      if (load !== undefined) await this.#send(load, signal);
      else await Promise.race(this.#underWay);
    }
    if (this.#held !== undefined) throw this.#held;
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #sendNext(signal: AbortSignal): Promise<void> {
    // What came back goes first, so that at most the requests under way are held in memory.
    for (let load = this.#again.shift(); load !== undefined; load = this.#again.shift()) {
      await this.#send(load, signal);
    }
    const parcels = this.#next;
    this.#next = [];
    await this.#send({ parcels, tries: 0 }, signal);
  }

  async #send({ parcels, tries }: Load, signal: AbortSignal): Promise<void> {
    const { lane, checkpoint } = this.#deps;
    await checkpoint.ready(signal, (failure) => {
      this.#deps.hindered(notWritten(failure));
      this.#deps.changed();
    });
    // Requests may have had to shrink since this load was put together, because of this very load perhaps.
    const size = Math.min(parcels.length, lane.size);
    if (size < parcels.length) this.#again.unshift({ parcels: parcels.slice(size), tries });
    const load = { parcels: parcels.slice(0, size), tries };
    const ended = await lane.turn(size, signal);
    if (this.#held !== undefined) {
      ended(undefined);
      throw this.#held;
    }
    this.#sent += 1;
    const call = this.#call(load, ended);
    this.#underWay.add(call);
    void call.finally(() => this.#underWay.delete(call));
  }

  /** One request, from its sending to what is learnt of it. Never rejects. */
  async #call(load: Load, ended: (signal: PaceSignal | undefined) => void): Promise<void> {
    const { parcels } = load;
    const { spec, errand, clock, checkpoint, ledger, giveUp, changed } = this.#deps;
    const started = clock.now();
    const { epoch } = ledger;
    try {
      const verdicts = await errand.send(
        spec(),
        parcels,
        AbortSignal.any([giveUp, AbortSignal.timeout(CALL_MS)]),
      );
      this.#answered += 1;
      // Asked for anew while this was under way: these devices are pending again and go once more.
      if (epoch === ledger.epoch) ended(this.#note(parcels, verdicts, clock.now() - started));
    } catch (error) {
      this.#unanswered(load, error, ended);
    } finally {
      ended(undefined);
      checkpoint.changed();
      changed();
    }
  }

  #note(parcels: readonly Parcel[], verdicts: Verdicts, tookMs: number): PaceSignal {
    const { errand, ledger, refusals } = this.#deps;
    let throttled = 0;
    let done = 0;
    let kept = 0;
    let waiting: { reason: string; message: string } | undefined;
    for (const { ordinal, ref } of parcels) {
      const verdict = verdicts(ref, refusals.times(ordinal));
      if (verdict.pending !== undefined) {
        const itsOwn = verdict.doubtful === true && refusals.refused(ordinal);
        // A device that is refused alone while others get through says nothing about the pace.
        if (!(itsOwn && parcels.length === 1)) {
          kept += 1;
          if (PACED.has(verdict.pending)) throttled += 1;
        }
        waiting = { reason: verdict.pending, message: verdict.message };
        continue;
      }
      ledger.mark(ordinal, verdict.state);
      if (verdict.state === errand.goal) {
        done += 1;
        refusals.forget(ordinal);
        if (verdict.endpoint !== undefined) ledger.deviceEndpoint ??= verdict.endpoint;
      } else if (isFailed(verdict.state)) {
        this.#deps.failed({
          device: ref,
          reason: failureReason(verdict.state),
          message: verdict.message ?? "",
        });
      }
    }
    // Whatever keeps every device of a request out, sending faster does not help.
    if (kept === parcels.length) throttled = kept;
    refusals.admitted(done);
    if (done > 0) this.#deps.delivered(done);
    if (waiting !== undefined) this.#deps.hindered(waiting);
    return { kind: "answered", devices: parcels.length, tookMs, throttled };
  }

  #unanswered(load: Load, error: unknown, ended: (signal: PaceSignal | undefined) => void): void {
    if (error instanceof NotNow) {
      ended(undefined);
      this.#held = error;
      return;
    }
    const fault = error instanceof InteropError ? error : undefined;
    if (fault?.reason === "BadRequest" && (load.parcels.length > 1 || this.#answered > 0)) {
      ended(this.#tooMuch(load, fault));
      return;
    }
    const tries = load.tries + 1;
    if (tries < TRIES_TOGETHER) this.#again.push({ parcels: load.parcels, tries });
    else this.#again.push(...halves(load.parcels));
    ended(signalOf(fault));
    this.#deps.hindered({
      reason: fault?.reason ?? "InternalError",
      message: fault?.message ?? `an unexpected fault: ${error instanceof Error ? error.name : typeof error}`,
      nextTryAt: this.#deps.lane.pausedUntil,
    });
  }

  /** A request that was refused as a whole is halved, until the one device that is at fault is alone. */
  #tooMuch({ parcels }: Load, fault: InteropError): PaceSignal {
    const [first] = parcels;
    if (parcels.length === 1 && first !== undefined) {
      this.#refuse(first, fault);
    } else {
      this.#again.push(...halves(parcels));
    }
    return { kind: "tooLarge", devices: parcels.length };
  }

  /** A device that is still in its cloud has not failed to get there. */
  #refuse({ ordinal, ref }: Parcel, { message }: InteropError): void {
    const { ledger, errand } = this.#deps;
    if (errand.goal === REMOVED) {
      this.#deps.hindered({ reason: "RequestRefused", message });
      return;
    }
    ledger.mark(ordinal, failed("RequestRefused"));
    this.#deps.failed({ device: ref, reason: "RequestRefused", message });
  }
}

function halves(parcels: readonly Parcel[]): Load[] {
  const middle = Math.ceil(parcels.length / 2);
  return [parcels.slice(0, middle), parcels.slice(middle)]
    .filter((half) => half.length > 0)
    .map((half) => ({ parcels: half, tries: 0 }));
}

/** What is said while progress that cannot be written keeps devices from being sent. */
export function notWritten(failure: unknown): Hindrance {
  const why = failure instanceof ApiError ? failure.message : "writing takes too long";
  return {
    reason: "LedgerNotWritten",
    message: `${why}. Nothing more is sent until the ledger is written, so that little would be sent twice`,
  };
}

function signalOf(fault: InteropError | undefined): PaceSignal {
  if (fault?.reason === "Throttled") return { kind: "throttled", retryAfterMs: fault.retryAfterMs };
  if (fault?.reason === "Timeout") return { kind: "timedOut" };
  return { kind: "unavailable", retryAfterMs: fault?.retryAfterMs };
}
