import { z } from "zod";
import { kinds } from "../../crds/kinds.ts";
import type { CloudApi, DeviceBatch } from "../../crds/index.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { newBatch } from "../../desk/new-batch.ts";
import { ApiError, isAlreadyExists } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { Session } from "../people/sessions.ts";
import { Problem } from "../server/problem.ts";
import { batchRow } from "../views/batch-row.ts";
import { isDraft } from "../views/cloud-row.ts";
import { batchId, cloudName } from "./names.ts";

/** Annotation of a DeviceBatch: which request of a page has made it, so that one that is repeated is known again. */
const REQUEST = "console.certferry.dev/request";

export const bindRequest = z.strictObject({
  batchId,
  /** `automatic`: as the account's switch says. `none`: bound only. Else names of CloudApis. */
  clouds: z.union([z.enum(["automatic", "none"]), z.array(cloudName).min(1).max(16)]).default("automatic"),
  from: z.enum(["Desktop", "Phone"]),
  /** Of the page's own: the same one again is the same request, whose answer was lost. */
  request: z.uuid(),
});

export interface Bound {
  /** Of the DeviceBatch. */
  readonly name: string;
  /** An earlier try of the same request had arrived already. */
  readonly repeated: boolean;
}

/**
 * Adds a batch as the person who is signed in. Its name is the batch ID, so that the API server admits one only; a
 * request that comes twice is answered twice, and done once.
 * @throws Problem 409 when the account has this batch by another request; ApiError
 */
export async function bind(
  { client, person }: Session,
  account: string,
  { batchId, clouds, from, request }: z.infer<typeof bindRequest>,
  signal: AbortSignal,
): Promise<Bound> {
  const batches = client.resource<DeviceBatch>(kinds.DeviceBatch);
  const cloudApis = typeof clouds === "string" ? [] : [...new Set(clouds)];
  const manual =
    cloudApis.length === 0 && (clouds === "none" || !(await isAutomatic(client, account, signal)));
  const { metadata, spec, ...kind } = newBatch({
    namespace: account,
    batchId,
    cloudApis,
    manual,
    addedBy: person.name,
    addedFrom: from,
  });
  const { name } = metadata;
  const annotations = { ...metadata.annotations, [REQUEST]: request };
  try {
    // What is left out is filled in by the API server.
    const batch = { ...kind, metadata: { ...metadata, annotations }, spec: spec as DeviceBatch["spec"] };
    await batches.create(batch, signal);
    return { name, repeated: false };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const there = await batches.find({ namespace: account, name }, signal);
    if (there?.metadata.annotations?.[REQUEST] === request) return { name, repeated: true };
    throw new Problem(409, "AlreadyAdded", alreadyAdded(batchId, there));
  }
}

/** Who adds a reel once more mostly does so because it did not go well the first time. */
function alreadyAdded(batchId: string, there: DeviceBatch | undefined): string {
  const added = `Your account has added batch ${batchId} already`;
  if (there === undefined) return `${added}.`;
  const { batchId: theirs, message, name, state } = batchRow(there);
  if (reelNameFor(theirs) !== reelNameFor(batchId)) {
    return `Your account has a batch named ${name}, which is of reel ${theirs}. Give the new one another name: certferry bind ${batchId} --name NAME.`;
  }
  if (state === "Leaving") return `${added}, and it is being deleted. Add it again when it is gone.`;
  if (state !== "Attention" || message === undefined) return `${added}.`;
  return `${added}, and it needs attention: ${message}`;
}

/** Whether the account has a default CloudApi. Who may not see that leaves it to the operator. */
async function isAutomatic(client: KubeClient, account: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { items } = await client.resource<CloudApi>(kinds.CloudApi).list({ namespace: account }, signal);
    return items.some((api) => api.spec.default === true && !isDraft(api));
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return true;
    throw error;
  }
}
