import type { CloudApi, DeviceBatch } from "../../crds/index.ts";
import { batchRow } from "./batch-row.ts";
import { countersOf } from "./batch-list.ts";
import { cloudRow, isDraft } from "./cloud-row.ts";
import type { Provisioning } from "./wire.ts";

/** An account's clouds, its switch, and what all its batches come to. */
export function provisioning(apis: readonly CloudApi[], batches: readonly DeviceBatch[]): Provisioning {
  const clouds = apis
    .filter((api) => !isDraft(api))
    .map(cloudRow)
    .sort((a, b) => (a.displayName < b.displayName ? -1 : 1));
  const defaults = clouds.filter((cloud) => cloud.default && !cloud.leaving);
  const [only] = defaults;
  return {
    clouds,
    ...(defaults.length === 1 && only !== undefined ? { automatic: only.name } : {}),
    ambiguous: defaults.length > 1,
    counters: countersOf(batches.map(batchRow)),
  };
}
