import type { DeviceBatch, Reel, ReelBinding } from "../../crds/index.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { ManifestWorkshop } from "../../desk/manifests/workshop.ts";
import { progressOf } from "../../desk/progress.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { CliError, EXIT } from "../exit.ts";
import type { Session } from "./session.ts";

/** A batch's reel and its deed. */
export interface BatchReel {
  readonly reel: Reel;
  readonly binding: ReelBinding;
}

/** @throws CliError when the batch is not bound; ApiError, for the deeds are an administrator's to read */
export async function reelOf(session: Session, batch: DeviceBatch, signal: AbortSignal): Promise<BatchReel> {
  const name = reelNameFor(batch.spec.batchId);
  const { namespace } = batch.metadata;
  const progress = progressOf(batch);
  const binding = await session.bindings.find({ name }, signal);
  if (binding === undefined || binding.spec.account !== namespace) {
    throw new CliError(
      EXIT.refused,
      `batch ${namespace}/${batch.metadata.name} is not bound (${progress.reason}: ${progress.message})`,
    );
  }
  const reel = await session.reels.find({ name }, signal);
  if (reel === undefined) {
    throw new CliError(
      EXIT.notFound,
      `Reel ${name} is gone, and with it where its manifest is`,
      `Have it declared again: ${session.program} reel add FILE --batch ${batch.spec.batchId}`,
    );
  }
  return { reel, binding };
}

/** Whoever runs the command line says where it may connect: it is their own machine, and their own network. */
export const ANYWHERE = ["0.0.0.0/0", "::/0"];

/** Everything that a reel's manifest may be read from, with the person's own rights. */
export async function openWorkshop(session: Session, operatorNamespace: string): Promise<ManifestWorkshop> {
  const { configMaps, secrets } = session;
  return await ManifestWorkshop.open({
    egress: new EgressPolicy({ allowCidrs: ANYWHERE }),
    access: { configMaps, secrets, operatorNamespace },
  });
}

/** For files of this machine only. */
export async function openLocalWorkshop(): Promise<ManifestWorkshop> {
  return await ManifestWorkshop.open({ egress: new EgressPolicy({ allowCidrs: ANYWHERE }) });
}
