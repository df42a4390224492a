import { stringify } from "yaml";
import type { DeviceBatch, Reel } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { cloudsOf } from "../../desk/clouds-of-batch.ts";
import { ApiError } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { batchRow, present } from "./batch-row.ts";
import type { BatchDetail, ReelFacts } from "./wire.ts";

/** The person may not see reels. */
const HIDDEN = "hidden";

/** All that one batch's page shows. */
export function batchDetail(batch: DeviceBatch, reel: Reel | typeof HIDDEN | undefined): BatchDetail {
  const { metadata, spec, status } = batch;
  return {
    ...batchRow(batch),
    uid: metadata.uid ?? "",
    provisioning: spec.provisioning,
    declaredClouds: cloudsOf(batch),
    deletionPolicy: spec.deletionPolicy,
    failures: status?.failures ?? [],
    conditions: (status?.conditions ?? []).map(({ type, status, reason, message, lastTransitionTime }) => ({
      type,
      status,
      reason,
      message,
      since: lastTransitionTime,
    })),
    yaml: declared(batch),
    kubectl: `kubectl describe batch ${metadata.name} -n ${metadata.namespace}`,
    ...present({
      certificateSlot: spec.certificateSlot,
      manifestSha256: status?.manifestSha256,
      reel: reel === undefined || reel === HIDDEN ? undefined : reelFacts(reel),
      reelHidden: reel === HIDDEN ? (true as const) : undefined,
    }),
  };
}

/** As a person would write it: without what the API server and the operator put in. */
function declared({ apiVersion, kind, metadata, spec }: DeviceBatch): string {
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith("certferry.dev/added-")),
  );
  const { name, namespace } = metadata;
  const kept = Object.keys(annotations).length === 0 ? {} : { annotations };
  return stringify({ apiVersion, kind, metadata: { name, namespace, ...kept }, spec });
}

function reelFacts({ status }: Reel): ReelFacts {
  return {
    quarantined: status?.quarantined?.count ?? 0,
    firstQuarantined: status?.quarantined?.first ?? [],
    issuers: status?.issuers ?? [],
    ...present({
      devices: status?.devices,
      earliestExpiry: status?.earliestExpiry,
      signatures: status?.signatures,
      phase: status?.phase,
    }),
  };
}

/**
 * The reel of a batch; undefined when there is none.
 * @throws ApiError
 */
export async function reelOf(
  client: KubeClient,
  batch: DeviceBatch,
  signal: AbortSignal,
): Promise<Reel | typeof HIDDEN | undefined> {
  try {
    return await client.resource<Reel>(kinds.Reel).find({ name: reelNameFor(batch.spec.batchId) }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return HIDDEN;
    throw error;
  }
}
