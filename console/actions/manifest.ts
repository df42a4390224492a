import { open } from "node:fs/promises";
import { join } from "node:path";
import { kinds } from "../../crds/kinds.ts";
import type { DeviceBatch, Reel, ReelBinding } from "../../crds/index.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { boundRecords, openBoundManifest } from "../../desk/manifests/bound-manifest.ts";
import { CLOUD_ID_HEADER, cloudIdRow } from "../../desk/manifests/cloud-id-csv.ts";
import { packSevenZip } from "../../desk/manifests/seven-zip.ts";
import { ManifestWorkshop } from "../../desk/manifests/workshop.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { CONFIG_MAP, SECRET } from "../../operator/accounts/core-kinds.ts";
import type { ConfigMap, Secret } from "../../operator/accounts/core-kinds.ts";
import { ManifestError } from "../../operator/manifests/index.ts";
import { ApiError } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { Problem } from "../server/problem.ts";

export type ManifestFormat = "csv" | "7z";

export interface ManifestOptions {
  readonly operatorNamespace: string;
  readonly egressAllowCidrs: readonly string[];
  readonly clusterCidrs: readonly string[];
}

/** A file that was made for one download. To be closed, which removes it. */
export interface MadeFile extends AsyncDisposable {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

/** Each spools a whole manifest onto the disk. */
const MAX_AT_ONCE = 2;
let busy = 0;

/**
 * Makes the manifest of a bound reel as the Cloud ID service gives it: CSV, or that in a .7z. Everything is read with the
 * person's rights, the deed (which is an administrator's to read) and the source of the reel too.
 * @throws Problem that says what is missing; ApiError
 */
export async function makeManifest(
  client: KubeClient,
  at: { namespace: string; name: string },
  format: ManifestFormat,
  o: ManifestOptions,
  signal: AbortSignal,
): Promise<MadeFile> {
  const { binding, reel } = await boundReel(client, at, signal);
  if (busy >= MAX_AT_ONCE) {
    throw new Problem(503, "Busy", "Other manifests are being made. Try again in a moment.");
  }
  busy += 1;
  const stack = new AsyncDisposableStack();
  stack.defer(() => {
    busy -= 1;
  });
  try {
    const { batchId } = reel.spec;
    const workshop = stack.use(await openWorkshop(client, o));
    const stored = await openBoundManifest(workshop, reel, binding, undefined, signal);
    const csv = join(workshop.folder, `${batchId}.csv`);
    await using file = await open(csv, "wx", 0o600);
    await file.write(CLOUD_ID_HEADER);
    for await (const record of boundRecords(stored, reel, binding, signal)) {
      if (record.kind !== "device") continue;
      await file.write(cloudIdRow({ deviceId: record.deviceId, batchId, der: record.der }));
    }
    const packed = join(workshop.folder, `${batchId}.7z`);
    if (format === "7z") await packSevenZip({ input: csv, name: `${batchId}.csv`, output: packed }, signal);
    const path = format === "7z" ? packed : csv;
    const bytes = await sizeOf(path);
    const owned = stack.move();
    return {
      path,
      name: `${batchId}.${format}`,
      bytes,
      [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw problemOf(error);
  }
}

async function boundReel(
  client: KubeClient,
  at: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<{ reel: Reel; binding: ReelBinding }> {
  const batch = await client.resource<DeviceBatch>(kinds.DeviceBatch).get(at, signal);
  const name = reelNameFor(batch.spec.batchId);
  const binding = await client.resource<ReelBinding>(kinds.ReelBinding).find({ name }, signal);
  if (binding === undefined || binding.spec.account !== at.namespace) {
    throw new Problem(409, "NotBound", `Batch ${at.name} is not bound, so there is no manifest of it yet.`);
  }
  const reel = await client.resource<Reel>(kinds.Reel).find({ name }, signal);
  if (reel === undefined) {
    throw new Problem(409, "ReelNotFound", `Reel ${name} is gone, and with it where its manifest is.`);
  }
  return { reel, binding };
}

async function openWorkshop(client: KubeClient, o: ManifestOptions): Promise<ManifestWorkshop> {
  return await ManifestWorkshop.open({
    egress: new EgressPolicy({ allowCidrs: o.egressAllowCidrs, clusterCidrs: o.clusterCidrs }),
    access: {
      configMaps: client.resource<ConfigMap>(CONFIG_MAP),
      secrets: client.resource<Secret>(SECRET),
      operatorNamespace: o.operatorNamespace,
    },
  });
}

async function sizeOf(path: string): Promise<number> {
  await using file = await open(path, "r");
  return (await file.stat()).size;
}

/** A source that cannot be read is for the person to know; a right that is missing for it, all the more. */
function problemOf(error: unknown): unknown {
  if (!(error instanceof ManifestError)) return error;
  if (error.cause instanceof ApiError && error.cause.status === 403) return error.cause;
  return new Problem(409, error.reason, error.message);
}
