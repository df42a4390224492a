import type { CloudApi, CloudProgress, DeviceBatch } from "../../crds/index.ts";
import { toldOf } from "../../desk/activity.ts";
import { batchRow, present } from "./batch-row.ts";
import { countersOf } from "./batch-list.ts";
import { cloudRow, isDraft } from "./cloud-row.ts";
import type { CloudRow, Provisioning } from "./wire.ts";

/** An account's clouds, its switch, and what all its batches come to. */
export function provisioning(apis: readonly CloudApi[], batches: readonly DeviceBatch[]): Provisioning {
  const lines = batches.flatMap(({ status }) => status?.clouds ?? []);
  const byCloud = Map.groupBy(lines, ({ name }) => name);
  const clouds = apis
    .filter((api) => !isDraft(api))
    .map((api) => withTold(cloudRow(api), byCloud.get(api.metadata.name)))
    .sort((a, b) => (a.displayName < b.displayName ? -1 : 1));
  const defaults = clouds.filter((cloud) => cloud.default && !cloud.leaving);
  const [only] = defaults;
  return {
    clouds,
    ...(defaults.length === 1 && only !== undefined ? { automatic: only.name } : {}),
    ambiguous: defaults.length > 1,
    counters: { ...countersOf(batches.map(batchRow)), ...present({ told: toldOf(lines) }) },
  };
}

/** @param lines those of all batches about this cloud */
function withTold(cloud: CloudRow, lines: readonly CloudProgress[] = []): CloudRow {
  const told = toldOf(lines);
  return told === undefined ? cloud : { ...cloud, told };
}
