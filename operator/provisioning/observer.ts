import { InteropError } from "../../interop/caller/errors.ts";
import type { CloudApiSpec } from "../../crds/index.ts";
import { type Clock, monotonic } from "../runtime/clock.ts";
import type { Errand, Verdicts } from "./errand.ts";
import { failureReason } from "./ledger/states.ts";
import type { Direction, PlacementSpec } from "./placement-spec.ts";

/** Between whom a request went. */
export interface Passage {
  readonly account: string;
  readonly cloudApi: string;
  readonly type: CloudApiSpec["type"];
  readonly direction: Direction;
}

/** One request to a product cloud. */
export interface RequestReport extends Passage {
  readonly devices: number;
  readonly seconds: number;
  /** `Answered`, or the reason of the fault. */
  readonly outcome: string;
}

/** What an answer meant for the devices of its request. */
export interface AnswerReport extends Passage {
  /** Devices that are where they should be now. */
  readonly done: number;
  /** How many devices were refused, for each reason. */
  readonly refusals: ReadonlyMap<string, number>;
}

/** What came of one write of a ledger's chunk. */
export interface LedgerWrite {
  readonly result: "written" | "conflict" | "error";
  readonly bytes: number;
}

/** Told what the ferry does, once a request, answer or write, for metrics. Must not throw. */
export interface FerryObserver {
  requested(report: RequestReport): void;
  answered(report: AnswerReport): void;
  ledger(write: LedgerWrite): void;
}

/** How the way to one product cloud is at present. */
export interface LaneView {
  /** Devices that the next request may carry. */
  readonly size: number;
  readonly underWay: number;
  /** Requests that may be under way. */
  readonly inFlight: number;
  /** Devices a second, at most; Infinity while nothing sets a bound. */
  readonly rate: number;
  /** Requests that wait for their turn. */
  readonly waiting: number;
  readonly broken: boolean;
}

/** An errand whose requests and answers are told. */
export function observed(
  errand: Errand,
  observer: Pick<FerryObserver, "requested" | "answered">,
  clock: Clock,
): Errand {
  return {
    ...errand,
    async send(spec, parcels, signal) {
      const passage = passageOf(spec);
      const started = monotonic(clock);
      const tell = (outcome: string): void => {
        const seconds = (monotonic(clock) - started) / 1_000;
        observer.requested({ ...passage, devices: parcels.length, seconds, outcome });
      };
      try {
        const verdicts = await errand.send(spec, parcels, signal);
        tell("Answered");
        return counted(verdicts, parcels.length, errand.goal, (tally) =>
          observer.answered({ ...passage, ...tally }),
        );
      } catch (error) {
        if (error instanceof InteropError) tell(error.reason);
        throw error;
      }
    },
  };
}

function passageOf({ ledger, direction }: PlacementSpec): Passage {
  const { account, cloudApi, target } = ledger;
  return { account, cloudApi, type: target.type, direction };
}

/** Counts the verdicts on a request's devices, and tells when all are given. */
function counted(
  verdicts: Verdicts,
  devices: number,
  goal: number,
  tell: (tally: Pick<AnswerReport, "done" | "refusals">) => void,
): Verdicts {
  const refusals = new Map<string, number>();
  let done = 0;
  let left = devices;
  return (ref, times) => {
    const verdict = verdicts(ref, times);
    if (verdict.state === goal) done += 1;
    else {
      const reason = verdict.pending ?? failureReason(verdict.state);
      refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    }
    left -= 1;
    if (left === 0) tell({ done, refusals });
    return verdict;
  };
}
