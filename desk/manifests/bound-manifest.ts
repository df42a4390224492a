import type { Reel, ReelBinding } from "../../crds/index.ts";
import { type ManifestRecord, readManifest, type StoredManifest } from "../../operator/manifests/index.ts";
import type { ManifestWorkshop } from "./workshop.ts";

/**
 * The manifest that a reel was bound with, from its source or from a file: whatever its way here, it has the digest
 * of the binding.
 * @param file a path on this machine, where the source cannot be reached from here
 * @throws ManifestError DigestMismatch and others
 */
export async function openBoundManifest(
  workshop: ManifestWorkshop,
  reel: Reel,
  binding: ReelBinding,
  file: string | undefined,
  signal: AbortSignal,
): Promise<StoredManifest> {
  const { manifestSha256 } = binding.spec;
  if (file !== undefined) return await workshop.file(file, manifestSha256, signal);
  return await workshop.source(reel.spec.manifest, manifestSha256, signal);
}

/** Its entries, judged as they were when the reel was bound: the same ones are refused, in the same order. */
export function boundRecords(
  manifest: StoredManifest,
  reel: Reel,
  { spec }: ReelBinding,
  signal: AbortSignal,
): AsyncGenerator<ManifestRecord> {
  const { format, signers } = reel.spec.manifest;
  const options = {
    batchId: reel.spec.batchId,
    now: new Date(spec.evaluatedAt),
    certificateSlot: spec.certificateSlot,
    signers,
    ...(format === undefined ? {} : { format }),
  };
  return readManifest(manifest, options, signal);
}
