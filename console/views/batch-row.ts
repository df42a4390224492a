import { ADDED_BY, ADDED_FROM } from "../../crds/kinds.ts";
import type { CloudProgress, DeviceBatch } from "../../crds/index.ts";
import type { BatchRow, BatchState, CloudOfBatch } from "./wire.ts";

type Condition = NonNullable<NonNullable<DeviceBatch["status"]>["conditions"]>[number];

/** Reasons that pass without a person: docs/devicebatch.md tells what each means. */
const PASSES = new Set([
  "ReelNotFound",
  "ReadingManifest",
  "BindingChanging",
  "BindingReleased",
  "NoDefaultCloudApi",
]);
const NEEDS_A_PERSON = new Set([
  "AmbiguousDefault",
  "CloudBlocked",
  "DevicesFailed",
  "DeprovisionBlocked",
  "DeprovisionUnsupported",
]);

/** A batch as the table shows it. */
export function batchRow({ metadata, spec, status }: DeviceBatch): BatchRow {
  const clouds = (status?.clouds ?? []).map(cloudOf);
  const cause = causeOf(status?.conditions ?? []);
  const paces = clouds.flatMap(({ perSecond }) => (perSecond === undefined ? [] : [perSecond]));
  const ends = clouds.flatMap(({ completesAt }) => (completesAt === undefined ? [] : [completesAt])).sort();
  const completesAt = ends.at(-1);
  return {
    name: metadata.name,
    batchId: spec.batchId,
    createdAt: metadata.creationTimestamp ?? "",
    bound: status?.boundDevices ?? 0,
    provisioned: status?.provisionedDevices ?? 0,
    failed: status?.failedDevices ?? 0,
    clouds,
    state: stateOf({ metadata, spec, status }),
    ...present({
      boundAt: status?.boundAt,
      provisionedAt: status?.provisionedAt,
      addedBy: short(metadata.annotations?.[ADDED_BY]),
      addedFrom: short(metadata.annotations?.[ADDED_FROM]),
      reason: cause?.reason,
      message: cause?.message,
      perSecond: paces.length === 0 ? undefined : paces.reduce((sum, pace) => sum + pace, 0),
      completesAt,
    }),
  };
}

function stateOf({
  metadata,
  spec,
  status,
}: Pick<DeviceBatch, "metadata" | "spec"> & { status: DeviceBatch["status"] | undefined }): BatchState {
  if (metadata.deletionTimestamp !== undefined) return "Leaving";
  const conditions = status?.conditions ?? [];
  const bound = conditionOf(conditions, "Bound");
  const ready = conditionOf(conditions, "Ready");
  const current = status?.observedGeneration === metadata.generation;
  if (current && ready?.status === "True") {
    return (status?.clouds ?? []).length === 0 ? "BoundOnly" : "Provisioned";
  }
  if (spec.suspend === true) return "Suspended";
  if (ready === undefined) return "Waiting";
  if (bound?.status === "False") return PASSES.has(bound.reason) ? "Waiting" : "Attention";
  if (NEEDS_A_PERSON.has(ready.reason)) return "Attention";
  return PASSES.has(ready.reason) ? "Waiting" : "Provisioning";
}

/** What there is to say of it: why it is not bound, else why it is not ready. */
function causeOf(conditions: readonly Condition[]): Condition | undefined {
  const bound = conditionOf(conditions, "Bound");
  return bound?.status === "False" ? bound : conditionOf(conditions, "Ready");
}

function conditionOf(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((each) => each.type === type);
}

function cloudOf(cloud: CloudProgress): CloudOfBatch {
  const { name, state, provisioned = 0, failed = 0, pending = 0 } = cloud;
  const { devicesPerSecond, estimatedCompletion, limitedBy, deviceEndpoint } = cloud;
  const { startedAt, provisionedAt, message } = cloud;
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
    }),
  };
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
