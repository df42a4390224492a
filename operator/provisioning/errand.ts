import type { MayLeave } from "../../interop/caller/caller.ts";
import type { Caller } from "./caller-port.ts";
import type { Parcel } from "./delivery.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { type DeviceState, isFailed, PENDING, PROVISIONED, QUARANTINED, REMOVED } from "./ledger/states.ts";
import { judge, judgeRemoval, type Verdict } from "./outcome.ts";
import type { PlacementSpec } from "./placement-spec.ts";

/** Tells what an answer means for a device of its request. @param refusals how often it was refused before */
export type Verdicts = (ref: string, refusals: number) => Verdict;

/** What is done with devices at their cloud: let in, or taken out. */
export interface Errand {
  /** What the ledger says of a device when it is done. */
  readonly goal: DeviceState;
  /** Whether it is about getting in: who failed to is told of, and devices of one serial number are kept apart. */
  readonly inward: boolean;
  /**
   * Makes the ledger fit for what is about to begin; it is written before the first request leaves, so that after a
   * crash it is known where to look.
   * @param now epoch ms
   * @returns false when there is nothing to do, nor to write
   */
  begin(ledger: Ledger, request: string | undefined, now: number): boolean;
  /** Takes up a "provision now" request, where that means anything. */
  takeUp(ledger: Ledger, request: string | undefined): void;
  /** Devices that are still to be dealt with. */
  left(ledger: Ledger): number;
  /** Notes that nothing is left to be done. @param now epoch ms */
  end(ledger: Ledger, now: number): void;
  /** Whether a device in this state is to be sent. */
  wants(state: DeviceState): boolean;
  /** Which records a pass need not even read: those of devices about which there is nothing to do, nor to say. */
  skips(ledger: Pick<Ledger, "state">): (ordinal: number) => boolean;
  /** One request. @throws what the caller throws; NotNow before anything is sent */
  send(spec: PlacementSpec, parcels: readonly Parcel[], signal: AbortSignal): Promise<Verdicts>;
}

/** Nothing may be sent at present, and that is nobody's fault at the cloud. */
export class NotNow extends Error {
  override readonly name = "NotNow";
}

/** Lets devices in. @param mayAct as for {@link deprovisioning}: they may have been taken out by another meanwhile */
export function provisioning(caller: Caller, mayAct: () => boolean): Errand {
  return {
    goal: PROVISIONED,
    inward: true,
    begin(ledger, request, now) {
      ledger.readmit();
      ledger.takeUp(request);
      ledger.startedAt ??= new Date(now).toISOString();
      return true;
    },
    takeUp: (ledger, request) => ledger.takeUp(request),
    left: (ledger) => ledger.counts().pending,
    end(ledger, now) {
      if (ledger.provisionedAt !== undefined) return;
      ledger.provisionedAt = new Date(now).toISOString();
      ledger.touchHead();
    },
    wants: (state) => state === PENDING,
    skips: (ledger) => (ordinal) => {
      const state = ledger.state(ordinal);
      // Of those that failed it is told which they are.
      return state !== PENDING && !isFailed(state);
    },
    async send({ interop, contents, policyExpected }, parcels, signal) {
      const mayLeave = whileAlone(mayAct);
      const answers = await caller.provision(interop, parcels, signal, contents.batchId, mayLeave);
      return (ref, refusals) => judge(answers.get(ref), policyExpected, refusals);
    },
  };
}

/**
 * Takes devices out: all that may have left, for a device that was never answered for may be in all the same.
 * @param mayAct asked right before each request leaves: whether this process is sure to be the only one. One that was
 * suspended, or waited long for a connection, is not
 */
export function deprovisioning(caller: Caller, mayAct: () => boolean): Errand {
  return {
    goal: REMOVED,
    inward: false,
    begin(ledger) {
      if (!ledger.begun) return false;
      ledger.dismiss();
      return true;
    },
    takeUp: () => undefined,
    left: (ledger) => (ledger.begun ? ledger.within : 0),
    end: () => undefined,
    wants: (state) => state !== REMOVED && state !== QUARANTINED,
    skips: (ledger) => (ordinal) => [REMOVED, QUARANTINED].includes(ledger.state(ordinal)),
    async send({ interop, contents }, parcels, signal) {
      const mayLeave = whileAlone(mayAct);
      const answers = await caller.deprovision(interop, parcels, signal, contents.batchId, mayLeave);
      return (ref) => judgeRemoval(answers.get(ref));
    },
  };
}

/**
 * What a call asks before it leaves.
 * @throws NotNow when it need not even be prepared
 */
function whileAlone(mayAct: () => boolean): MayLeave {
  const ask = (): NotNow | undefined =>
    mayAct()
      ? undefined
      : new NotNow("this operator's lease was not renewed of late, so another may be at work already");
  const reason = ask();
  if (reason !== undefined) throw reason;
  return ask;
}
