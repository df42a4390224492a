import { z } from "zod";
import { kinds } from "../../crds/kinds.ts";
import type { DeviceBatch } from "../../crds/index.ts";
import { cloudsOf, goesTo } from "../../desk/clouds-of-batch.ts";
import { isConflict } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { Problem } from "../server/problem.ts";
import { cloudName } from "./names.ts";

const MAX_TRIES = 5;
const MAX_CLOUDS = 16;

interface Place {
  readonly namespace: string;
  readonly name: string;
}

export const cloudsRequest = z.strictObject({
  add: z.array(cloudName).max(MAX_CLOUDS).default([]),
  remove: z.array(cloudName).max(MAX_CLOUDS).default([]),
});

/**
 * Adds clouds to a batch and takes others from it. A batch that went to the account's default without naming it keeps
 * that one: to name another alone would mean to leave it.
 */
export async function changeClouds(
  client: KubeClient,
  at: Place,
  { add, remove }: z.infer<typeof cloudsRequest>,
  signal: AbortSignal,
): Promise<void> {
  const batches = client.resource<DeviceBatch>(kinds.DeviceBatch);
  for (let tries = 1; ; tries += 1) {
    const batch = await batches.get(at, signal);
    const after = [...new Set([...cloudsOf(batch), ...add])].filter((name) => !remove.includes(name));
    if (after.length > MAX_CLOUDS) {
      throw new Problem(422, "TooManyClouds", `A batch goes to at most ${MAX_CLOUDS} clouds.`);
    }
    const { resourceVersion } = batch.metadata;
    const patch = { metadata: { resourceVersion }, spec: goesTo(after) };
    try {
      await batches.patch(at, patch, { type: "merge" }, signal);
      return;
    } catch (error) {
      if (!isConflict(error) || tries === MAX_TRIES) throw error;
    }
  }
}

/** Asks the operator for something about a batch: "Provision now" or "Check now". @param request the merge patch */
export async function ask(
  client: KubeClient,
  at: Place,
  request: { metadata: { annotations: Record<string, string> } },
  signal: AbortSignal,
): Promise<void> {
  await client.resource<DeviceBatch>(kinds.DeviceBatch).patch(at, request, { type: "merge" }, signal);
}

export const removalRequest = z.strictObject({
  /** The batch's name, as the person has typed it. */
  confirm: z.string().max(253),
  deletionPolicy: z.enum(["Retain", "Deprovision"]),
});

/**
 * Deletes a batch, with the policy that the person has chosen.
 * @throws Problem 422 when its name was not typed as it is
 */
export async function removeBatch(
  client: KubeClient,
  at: Place,
  { confirm, deletionPolicy }: z.infer<typeof removalRequest>,
  signal: AbortSignal,
): Promise<void> {
  if (confirm !== at.name) {
    const detail = `Type the batch's name, ${at.name}, to delete it.`;
    throw new Problem(422, "NotConfirmed", detail, { confirm: detail });
  }
  const batches = client.resource<DeviceBatch>(kinds.DeviceBatch);
  const { metadata, spec } = await batches.get(at, signal);
  if (spec.deletionPolicy !== deletionPolicy) {
    await batches.patch(at, { spec: { deletionPolicy } }, { type: "merge" }, signal);
  }
  const { uid } = metadata;
  await batches.delete(at, uid === undefined ? {} : { uid }, signal);
}
