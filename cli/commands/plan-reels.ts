import type { DeviceBatchInput, Reel } from "../../crds/index.ts";
import { ManifestWorkshop } from "../../desk/manifests/workshop.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import type { ConfigMap } from "../../operator/accounts/core-kinds.ts";
import { inspectManifest, ManifestError } from "../../operator/manifests/index.ts";
import { formatTime } from "../../operator/runtime/conditions.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { ANYWHERE } from "../cluster/bound-reel.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";

/** Here these mean that nothing is known of the manifest: the operator may have another way to it. */
const OUT_OF_REACH: ReadonlySet<string> = new Set(["SourceUnavailable", "SourceNotAllowed", "CacheFull"]);

export interface PlannedReel {
  readonly reel: Reel;
  /** The batch that wants it: its certificate slot decides what counts. */
  readonly batch: DeviceBatchInput;
  /** All that is to be applied: ConfigMaps among it count as if they were there. */
  readonly given: readonly KubeObject[];
  readonly operatorNamespace: string;
}

/**
 * A reel that stands in the files only, with what the operator would find in its manifest, as far as that can be read
 * from here with the person's rights.
 */
export async function readPlanned(context: Context, session: Session, planned: PlannedReel): Promise<Reel> {
  const { io, signal } = context;
  const { reel, batch } = planned;
  const now = new Date(io.clock.now());
  const { batchId, manifest } = reel.spec;
  try {
    await using workshop = await ManifestWorkshop.open({
      egress: new EgressPolicy({ allowCidrs: ANYWHERE }),
      access: {
        configMaps: { find: (at, inner) => configMapOf(session, planned, at.name, inner) },
        secrets: session.secrets,
        operatorNamespace: planned.operatorNamespace,
      },
    });
    const stored = await workshop.source(manifest, undefined, signal);
    const { certificateSlot } = batch.spec;
    const { format, signers } = manifest;
    const reading = { batchId, now, certificateSlot, signers, ...(format === undefined ? {} : { format }) };
    const { devices, refused } = await inspectManifest(stored, reading, signal);
    const message = `the operator reads it when the Reel is there${refused === 0 ? "" : `, and quarantines ${refused} of its entries`}`;
    return { ...reel, status: { devices, conditions: [ready("Unknown", "ReadingManifest", message, now)] } };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ManifestError)) throw error;
    if (!error.transient && !OUT_OF_REACH.has(error.reason)) {
      const refusal = ready("False", error.reason, error.message, now);
      return { ...reel, status: { conditions: [refusal, { ...refusal, type: "Stalled", status: "True" }] } };
    }
    const message = `its devices cannot be counted from here: ${error.message}. Apply the Reel and plan again once it is Available`;
    return { ...reel, status: { conditions: [ready("Unknown", "ReadingManifest", message, now)] } };
  }
}

/** From the files, before the cluster: that is how it would be after they were applied. */
async function configMapOf(
  { configMaps }: Session,
  { given, operatorNamespace }: PlannedReel,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ConfigMap | undefined> {
  const inFile = given.find(
    ({ apiVersion, kind, metadata }) =>
      apiVersion === "v1" &&
      kind === "ConfigMap" &&
      metadata.name === name &&
      metadata.namespace === operatorNamespace,
  );
  if (inFile !== undefined) return inFile;
  return await configMaps.find({ namespace: operatorNamespace, name }, signal);
}

function ready(status: "Unknown" | "False", reason: string, message: string, now: Date) {
  return { type: "Ready", status, reason, message, lastTransitionTime: formatTime(now) };
}
