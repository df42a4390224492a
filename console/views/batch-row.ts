import { ADDED_BY, ADDED_FROM } from "../../crds/kinds.ts";
import type { CloudActivity, CloudProgress, DeviceBatch } from "../../crds/index.ts";
import { progressOf } from "../../desk/progress.ts";
import { type Condition, findCondition, formatTime } from "../../operator/runtime/conditions.ts";
import type { Activity, BatchRow, BatchState, CloudOfBatch } from "./wire.ts";

/** A cache holds another object for a batch that has changed, and drops this one. */
const ROWS = new WeakMap<DeviceBatch, BatchRow>();

/** A batch as the table shows it; of one object it is made once, however many pages show it, however often. */
export function batchRow(batch: DeviceBatch): BatchRow {
  const made = ROWS.get(batch);
  if (made !== undefined) return made;
  const row = rowOf(batch);
  ROWS.set(batch, row);
  return row;
}

function rowOf(batch: DeviceBatch): BatchRow {
  const { metadata, spec, status } = batch;
  const { perSecond, completion, provisioned, failed, devices } = progressOf(batch);
  const cause = causeOf(status?.conditions ?? []);
  return {
    name: metadata.name,
    batchId: spec.batchId,
    createdAt: metadata.creationTimestamp ?? "",
    bound: devices ?? 0,
    provisioned,
    failed,
    clouds: (status?.clouds ?? []).map(cloudOf),
    state: stateOf(batch),
    ...present({
      boundAt: status?.boundAt,
      provisionedAt: status?.provisionedAt,
      addedBy: short(metadata.annotations?.[ADDED_BY]),
      addedFrom: short(metadata.annotations?.[ADDED_FROM]),
      reason: cause?.reason,
      message: cause?.message,
      perSecond,
      completesAt: completion === undefined ? undefined : formatTime(new Date(completion)),
    }),
  };
}

/** Whether it needs a person, the operator says (Stalled), as it does to the command line. */
function stateOf(batch: DeviceBatch): BatchState {
  const { metadata, spec, status } = batch;
  const { standing, reason } = progressOf(batch);
  if (metadata.deletionTimestamp !== undefined) return "Leaving";
  if (standing === "ready") return (status?.clouds ?? []).length === 0 ? "BoundOnly" : "Provisioned";
  if (spec.suspend === true || reason === "Suspended") return "Suspended";
  if (standing === "stalled") return "Attention";
  const unbound = findCondition(status?.conditions, "Bound")?.status !== "True";
  return standing === "waiting" || unbound ? "Waiting" : "Provisioning";
}

/** What there is to say of it: why it is not bound, else why it is not ready. */
function causeOf(conditions: readonly Condition[]): Condition | undefined {
  const bound = findCondition(conditions, "Bound");
  return bound?.status === "False" ? bound : findCondition(conditions, "Ready");
}

function cloudOf(cloud: CloudProgress): CloudOfBatch {
  const { name, state, provisioned = 0, failed = 0, pending = 0 } = cloud;
  const { devicesPerSecond, estimatedCompletion, limitedBy, deviceEndpoint } = cloud;
  const { startedAt, provisionedAt, message, activity } = cloud;
  return {
    name,
    state,
    provisioned,
    failed,
    pending,
    ...present({
      perSecond: devicesPerSecond,
      completesAt: estimatedCompletion,
      limitedBy,
      deviceEndpoint,
      startedAt,
      provisionedAt,
      message,
      activity: activity === undefined ? undefined : activityOf(activity),
    }),
  };
}

function activityOf({ toldAt, asked, active, differing, differences = [] }: CloudActivity): Activity {
  return { toldAt, asked, active, differing, differences };
}

/** Anybody who may write a batch may write anything there. */
function short(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text.slice(0, 128);
}

/** Leaves out what is undefined. */
export function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
