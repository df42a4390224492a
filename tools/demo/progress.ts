import type { DeviceBatch } from "../../crds/index.ts";

/** How far one batch is, as the table shows it. */
export interface Row {
  readonly batch: string;
  readonly account: string;
  readonly batchId: string;
  /** How many devices the reel was made with. */
  readonly devices: number;
  readonly bound: number;
  readonly provisioned: number;
  readonly clouds: readonly { readonly name: string; readonly state: string }[];
  /** One word, or a word and what to know of it. */
  readonly state: string;
  /** Bound, and every device in every declared cloud (at least one). */
  readonly done: boolean;
  /** Bound only, because no cloud is declared and none is to be taken by itself. */
  readonly awaitsChoice: boolean;
}

/** @param devices batch ID, in upper case → how many devices its reel was made with; of others, what is bound counts */
export function rowOf(batch: DeviceBatch, devices: ReadonlyMap<string, number>): Row {
  const { spec, status } = batch;
  const bound = status?.boundDevices ?? 0;
  const expected = devices.get(spec.batchId.toUpperCase()) ?? bound;
  const provisioned = status?.provisionedDevices ?? 0;
  const clouds = (status?.clouds ?? []).map(({ name, state }) => ({ name, state }));
  const current = status?.observedGeneration === batch.metadata.generation;
  const ready = conditionOf(batch, "Ready")?.status === "True";
  const allThere = clouds.length > 0 && clouds.every((cloud) => cloud.state === "Provisioned");
  const counted = bound === expected && provisioned === expected && expected > 0;
  return {
    batch: batch.metadata.name,
    account: batch.metadata.namespace,
    batchId: spec.batchId,
    devices: expected,
    bound,
    provisioned,
    clouds,
    state: stateOf(batch),
    done: current && ready && counted && allThere,
    awaitsChoice:
      spec.provisioning === "Manual" &&
      (spec.cloudApis ?? []).length === 0 &&
      conditionOf(batch, "Bound")?.status === "True",
  };
}

function stateOf(batch: DeviceBatch): string {
  const ready = conditionOf(batch, "Ready");
  const bound = conditionOf(batch, "Bound");
  if (ready?.status === "True") return (batch.status?.clouds ?? []).length === 0 ? "Bound" : "Ready";
  const stalled = conditionOf(batch, "Stalled");
  const cause = [stalled, bound?.status === "False" ? bound : undefined, ready].find(
    (each) => each !== undefined && each.reason !== "",
  );
  return cause?.reason ?? "Waiting";
}

function conditionOf(
  batch: DeviceBatch,
  type: string,
): { status: string; reason: string; message: string } | undefined {
  return batch.status?.conditions?.find((each) => each.type === type);
}

/** What is missing in the batches that are not done; one sentence each. */
export function missing(batches: readonly DeviceBatch[], devices: ReadonlyMap<string, number>): string[] {
  const sentences: string[] = [];
  for (const batch of batches) {
    const row = rowOf(batch, devices);
    if (row.done) continue;
    const waiting = row.clouds.filter((cloud) => cloud.state !== "Provisioned");
    const clouds = waiting.map((cloud) => `${cloud.name} ${cloud.state}`).join(", ");
    const message = conditionOf(batch, "Ready")?.message ?? "the operator has not said anything of it yet";
    sentences.push(
      `${row.account}/${row.batch} (reel ${row.batchId}): ${row.bound} of ${row.devices} bound, ` +
        `${row.provisioned} provisioned${clouds === "" ? "" : `; ${clouds}`}; ${message}`,
    );
  }
  return sentences;
}
