import { InteropError } from "../../interop/caller/errors.ts";
import { ApiError } from "../runtime/api-error.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Grant, Seat } from "./lane.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { type Errand, NotNow, type Verdicts } from "./errand.ts";
import { failed, failureReason, isFailed, REMOVED } from "./ledger/states.ts";
import type { Departure, PaceSignal } from "./pace.ts";
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
  readonly seat: Seat;
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

/** After so many tries without an answer a load is halved, so that one device that the callee dies of is alone. */
const TRIES_TOGETHER = 3;
/** After so many uncertain refusals a device is sent alone, so that what is wrong with it alone shows. */
const SUSPECT = 3;
/** The caller has a deadline of its own; this one only keeps a fault in it from holding a placement for ever. */
const CALL_MS = 120_000;
/** On the wire a certificate takes 1.9 times its DER: this stays below the 6 MB of a Lambda call (10 MB of its gateway). */
const MOST_DER_BYTES = 2_500_000;
/** A device for which there was no room is sent again in the same pass, after this. */
const AGAIN_MS = 500;
/** So many of those are kept; the others come with the next pass. */
const MOST_KEPT = 500;

/**
 * Sends one pass's devices in requests of the lane's size. A request that ends without an answer (refused,
 * broken, timed out) keeps its devices: they go again in the same pass. A device that was answered with
 * "not now" goes again a little later, or is left pending for the next pass.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #underWay = new Set<Promise<void>>();
  #next: Parcel[] = [];
  #nextBytes = 0;
  #sent = 0;
  #devicesSent = 0;
  /** Devices that were sent again after they had been refused. */
  #repeats = 0;
  #answered = 0;
  #finishing = false;
  /** Some were let in, so that it is worth while to ask again for others. */
  #letIn = false;
  readonly #again: Load[] = [];
  #later: { readonly parcel: Parcel; readonly at: number }[] = [];
  /** Why nothing more of this pass may be sent. */
  #held: NotNow | undefined;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /**
   * Takes a device; sends a request when enough are together.
   * @returns what must be awaited before the next one is given, for the lane's turn has to come: this is the brake.
   */
  add(parcel: Parcel, signal: AbortSignal): Promise<void> | undefined {
    if (this.#deps.refusals.times(parcel.ordinal) >= SUSPECT) {
      return this.#send({ parcels: [parcel], tries: 0 }, signal);
    }
    this.#next.push(parcel);
    this.#nextBytes += parcel.der.length;
    return this.#isFull() ? this.#sendNext(signal) : undefined;
  }

  /** Requests that have left. */
  get sent(): number {
    return this.#sent;
  }

  /** Sends what is left and waits until every request of the pass is answered. */
  async finish(signal: AbortSignal): Promise<void> {
    for (;;) {
      const load = this.#again.shift() ?? this.#takeNext();
      if (load !== undefined) await this.#send(load, signal);
      else if (this.#underWay.size > 0) await Promise.race(this.#underWay);
      else if (this.#later.length > 0) this.#lastTry();
      else break;
    }
    if (this.#held !== undefined) throw this.#held;
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #isFull(): boolean {
    return this.#next.length >= this.#deps.seat.size || this.#nextBytes >= MOST_DER_BYTES;
  }

  async #sendNext(signal: AbortSignal): Promise<void> {
    // What came back goes first, so that at most the requests under way are held in memory.
    for (let load = this.#again.shift(); load !== undefined; load = this.#again.shift()) {
      await this.#send(load, signal);
    }
    while (this.#isFull()) {
      const load = this.#takeNext();
      if (load === undefined) break;
      await this.#send(load, signal);
    }
    this.#takeLater();
  }

  #takeNext(): Load | undefined {
    if (this.#next.length === 0) return undefined;
    const parcels = this.#next;
    this.#next = [];
    this.#nextBytes = 0;
    return { parcels, tries: 0 };
  }

  /** Puts devices that were refused among the others: a few, so that it shows whether they fare worse than these. */
  #takeLater(): void {
    const now = this.#deps.clock.now();
    const { refusals, seat } = this.#deps;
    // Where they are at fault themselves, they are not to take the place of many others.
    const most = refusals.areOwn ? this.#devicesSent / 20 - this.#repeats : Math.max(1, seat.size / 4);
    for (let taken = 0; taken < Math.floor(most); taken += 1) {
      // The latest that is due: what became of it says most of how things are now.
      const at = this.#later.findLastIndex((each) => each.at <= now);
      const [due] = at < 0 ? [] : this.#later.splice(at, 1);
      if (due === undefined) return;
      this.#repeats += 1;
      this.#putBack([due.parcel]);
    }
  }

  #lastTry(): void {
    this.#finishing = true;
    const { refusals } = this.#deps;
    for (const { parcel } of this.#later) {
      if (refusals.times(parcel.ordinal) >= SUSPECT) this.#again.push({ parcels: [parcel], tries: 0 });
      else this.#putBack([parcel]);
    }
    this.#later = [];
  }

  #putBack(parcels: readonly Parcel[]): void {
    this.#next = [...parcels, ...this.#next];
    for (const { der } of parcels) this.#nextBytes += der.length;
  }

  async #send({ parcels, tries }: Load, signal: AbortSignal): Promise<void> {
    const { seat, checkpoint } = this.#deps;
    await checkpoint.ready(signal, (failure) => {
      this.#deps.hindered(notWritten(failure));
      this.#deps.changed();
    });
    const grant = await seat.turn(parcels.length, signal);
    if (this.#held !== undefined) {
      grant.ended(undefined);
      throw this.#held;
    }
    // Requests may have had to shrink since this load was put together, because of this very load perhaps.
    const rest = parcels.slice(grant.devices);
    if (rest.length > 0 && tries === 0) this.#putBack(rest);
    else if (rest.length > 0) this.#again.unshift({ parcels: rest, tries });
    this.#sent += 1;
    this.#devicesSent += grant.devices;
    const call = this.#call({ parcels: parcels.slice(0, grant.devices), tries }, grant);
    this.#underWay.add(call);
    void call.finally(() => this.#underWay.delete(call));
  }

  /** One request, from its sending to what is learnt of it. Never rejects. */
  async #call(load: Load, { ended, left }: Grant): Promise<void> {
    const { parcels } = load;
    const { spec, errand, clock, checkpoint, ledger, giveUp, changed } = this.#deps;
    const started = clock.now();
    const { epoch } = ledger;
    try {
      const signal = AbortSignal.any([giveUp, AbortSignal.timeout(CALL_MS)]);
      const verdicts = await errand.send(spec(), parcels, signal);
      this.#answered += 1;
      // Asked for anew while this was under way: these devices are pending again and go once more.
      if (epoch === ledger.epoch) {
        ended(this.#note(parcels, verdicts, clock.now() - started, left));
      }
    } catch (error) {
      this.#unanswered(load, error, ended);
    } finally {
      ended(undefined);
      checkpoint.changed();
      changed();
    }
  }

  #note(parcels: readonly Parcel[], verdicts: Verdicts, tookMs: number, left: Departure): PaceSignal {
    const { errand, ledger, refusals } = this.#deps;
    const tally = { done: 0, kept: 0, refused: 0, perhaps: 0, late: 0, firsts: 0, refusedFirsts: 0 };
    const doubtful: { parcel: Parcel; perhapsBusy: boolean }[] = [];
    const again: Parcel[] = [];
    const proved: Departure[] = [];
    let waiting: { reason: string; message: string } | undefined;
    for (const parcel of parcels) {
      const { ordinal, ref } = parcel;
      const times = refusals.times(ordinal);
      if (times === 0) tally.firsts += 1;
      const verdict = verdicts(ref, times);
      if (verdict.pending !== undefined) {
        tally.kept += 1;
        if (verdict.pace === "refused") tally.refused += 1;
        if (verdict.pace === "late") tally.late += 1;
        const perhapsBusy = verdict.pace === "perhaps";
        if (perhapsBusy) tally.perhaps += 1;
        if (perhapsBusy && times === 0) tally.refusedFirsts += 1;
        if (verdict.doubtful === true) doubtful.push({ parcel, perhapsBusy });
        if (verdict.pace !== undefined) again.push(parcel);
        waiting = { reason: verdict.pending, message: verdict.message };
        continue;
      }
      ledger.mark(ordinal, verdict.state);
      if (verdict.state === errand.goal) {
        tally.done += 1;
        const refusedIn = times > 0 ? refusals.letIn(ordinal) : undefined;
        if (refusedIn !== undefined) proved.push(refusedIn);
        if (verdict.endpoint !== undefined) ledger.deviceEndpoint ??= verdict.endpoint;
        continue;
      }
      if (times > 0) refusals.forget(ordinal);
      if (!isFailed(verdict.state)) continue;
      const reason = failureReason(verdict.state);
      this.#deps.failed({ device: ref, reason, message: verdict.message ?? "" });
    }
    refusals.answered(tally.done, tally.firsts, tally.refusedFirsts);
    const told = refusals.areTelling;
    const own = doubtful.filter(({ parcel, perhapsBusy }) =>
      refusals.refused(parcel.ordinal, left, perhapsBusy),
    );
    if (tally.done > 0) this.#letIn = true;
    if (tally.done > 0) this.#deps.delivered(tally.done);
    if (waiting !== undefined) this.#deps.hindered(waiting);
    if (this.#letIn) this.#keep(again);
    // A device that is refused alone while others get through says nothing about the pace.
    const alone = parcels.length === 1 && own.length === 1;
    const suspects = tally.firsts === 0 && (refusals.areOwn || (parcels.length === 1 && refusals.anyLetIn));
    const untold = alone || (!told && tally.perhaps === tally.kept && (this.#letIn || suspects));
    return {
      kind: "answered",
      tookMs,
      admitted: tally.done,
      refused: alone ? 0 : tally.refused + (told ? tally.perhaps : 0),
      // What was told at once is not told again.
      proved: told ? [] : proved,
      late: tally.late,
      barren: tally.kept === parcels.length && !untold,
    };
  }

  #keep(parcels: readonly Parcel[]): void {
    if (this.#finishing) return;
    const { clock, refusals } = this.#deps;
    const at = clock.now() + AGAIN_MS;
    for (const parcel of parcels) {
      // Who is likely to be at fault comes with the next pass, when all others are in.
      if (refusals.areOwn && refusals.times(parcel.ordinal) > 1) continue;
      this.#later.push({ parcel, at });
    }
    this.#later.splice(0, this.#later.length - MOST_KEPT);
  }

  #unanswered(load: Load, error: unknown, ended: Grant["ended"]): void {
    if (error instanceof NotNow) {
      ended(undefined);
      this.#held = error;
      return;
    }
    const fault = error instanceof InteropError ? error : undefined;
    if (fault?.reason === "BadRequest" && (load.parcels.length > 1 || this.#answered > 0)) {
      this.#tooMuch(load, fault);
      ended({ kind: "tooLarge" });
      return;
    }
    const tries = load.tries + 1;
    if (tries < TRIES_TOGETHER) this.#again.push({ parcels: load.parcels, tries });
    else this.#again.push(...halves(load.parcels));
    ended(signalOf(fault));
    this.#deps.hindered({
      reason: fault?.reason ?? "InternalError",
      message: fault?.message ?? `an unexpected fault: ${error instanceof Error ? error.name : typeof error}`,
      nextTryAt: this.#deps.seat.pausedUntil,
    });
  }

  /** A request that was refused as a whole is halved, until the one device that is at fault is alone. */
  #tooMuch({ parcels }: Load, fault: InteropError): void {
    const [first] = parcels;
    if (parcels.length === 1 && first !== undefined) this.#refuse(first, fault);
    else this.#again.push(...halves(parcels));
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

/** What a call that brought no answer says of the pace. */
function signalOf(fault: InteropError | undefined): PaceSignal {
  if (fault?.reason === "Throttled") return { kind: "throttled", retryAfterMs: fault.retryAfterMs };
  if (fault?.reason === "Timeout") return { kind: "timedOut" };
  const hopeless = fault?.transient === false;
  return { kind: "unavailable", retryAfterMs: fault?.retryAfterMs, hopeless };
}
