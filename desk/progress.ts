import type { CloudProgress, DeviceBatch, DeviceFailure } from "../crds/index.ts";
import { findCondition, isConditionTrue } from "../operator/runtime/conditions.ts";
import { stayingIn } from "./clouds-of-batch.ts";

/**
 * How a batch stands, in one word:
 * - `ready`: all that was asked for is done;
 * - `working`: it moves, and nothing is wrong;
 * - `waiting`: something holds it up that may pass by itself;
 * - `stalled`: it needs a person.
 */
export type Standing = "ready" | "working" | "waiting" | "stalled";

/** What people want to know of a batch, taken from its status. */
export interface BatchProgress {
  readonly standing: Standing;
  /** CamelCase, as in the condition; `Pending` before the operator has seen the batch as it is now. */
  readonly reason: string;
  readonly message: string;
  readonly bound: boolean;
  /** Devices of the reel that can be provisioned; undefined while it is not bound. */
  readonly devices: number | undefined;
  /** Devices that are in every declared cloud. */
  readonly provisioned: number;
  readonly failed: number;
  readonly clouds: readonly CloudProgress[];
  /** Of all devices in all clouds together, 0 to 1; undefined where there is nothing to bring anywhere. */
  readonly share: number | undefined;
  /** Devices a second over all clouds; undefined where none tells. */
  readonly perSecond: number | undefined;
  /** When the last cloud is expected to be done (epoch ms); undefined where that is not known of each that goes on. */
  readonly completion: number | undefined;
  readonly failures: readonly DeviceFailure[];
}

const MOVING: ReadonlySet<CloudProgress["state"]> = new Set(["Pending", "Provisioning", "Deprovisioning"]);

/** How far a batch is. Pure; the same words for the console and the command line. */
export function progressOf(batch: DeviceBatch): BatchProgress {
  const { status = {} } = batch;
  const { conditions, clouds = [] } = status;
  const ready = findCondition(conditions, "Ready");
  // What was said of an earlier declaration is not said of this one.
  const current = ready !== undefined && status.observedGeneration === batch.metadata.generation;
  const bound = isConditionTrue(conditions, "Bound");
  const moving = clouds.filter(({ state }) => MOVING.has(state));
  const paces = clouds.map(({ devicesPerSecond }) => devicesPerSecond).filter((pace) => pace !== undefined);
  const ends = moving.map(({ estimatedCompletion }) => Date.parse(estimatedCompletion ?? ""));
  return {
    standing: current ? standingOf(batch) : "working",
    reason: current ? ready.reason : "Pending",
    message: current ? ready.message : "the operator has not looked at it yet",
    bound,
    devices: status.boundDevices,
    provisioned: status.provisionedDevices ?? 0,
    failed: status.failedDevices ?? 0,
    clouds,
    share: shareOf(stayingIn(status), status.boundDevices),
    perSecond: paces.length === 0 ? undefined : paces.reduce((sum, pace) => sum + pace, 0),
    completion: ends.length === 0 || ends.some(Number.isNaN) ? undefined : Math.max(...ends),
    failures: status.failures ?? [],
  };
}

/** Whether something is being done about it now: it is not done, and does not wait. */
export function isUnderWay({ standing }: BatchProgress): boolean {
  return standing === "working";
}

/** Whether nothing more happens by itself. */
export function isSettled({ standing }: BatchProgress): boolean {
  return standing === "ready" || standing === "stalled";
}

function standingOf({ status }: DeviceBatch): Standing {
  const conditions = status?.conditions;
  if (isConditionTrue(conditions, "Ready")) return "ready";
  if (isConditionTrue(conditions, "Stalled")) return "stalled";
  return findCondition(conditions, "Ready")?.status === "False" ? "waiting" : "working";
}

function shareOf(wanted: readonly CloudProgress[], devices: number | undefined): number | undefined {
  if (devices === undefined || devices === 0 || wanted.length === 0) return undefined;
  const done = wanted.reduce((sum, { provisioned = 0, failed = 0 }) => sum + provisioned + failed, 0);
  return Math.min(1, done / (devices * wanted.length));
}
