import type { CloudApi } from "../../crds/index.ts";
import { present } from "./batch-row.ts";
import type { CloudRow, CloudSpec } from "./wire.ts";

/** A CloudApi that exists only for as long as the operator needs to say whether it would do. */
export const DRAFT_LABEL = "certferry.dev/draft";

export function isDraft({ metadata }: CloudApi): boolean {
  return metadata.labels?.[DRAFT_LABEL] !== undefined;
}

/** A CloudApi as the page shows it: where its credentials are, but never what they are. */
export function cloudRow({ metadata, spec, status }: CloudApi): CloudRow {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const current = status?.observedGeneration === metadata.generation;
  return {
    name: metadata.name,
    displayName: spec.displayName ?? metadata.name,
    type: spec.type,
    default: spec.default === true,
    suspended: spec.suspend === true,
    devices: status?.devicesProvisioned ?? 0,
    ready: current ? (ready?.status ?? "Unknown") : "Unknown",
    capabilities: status?.capabilities ?? [],
    leaving: metadata.deletionTimestamp !== undefined,
    spec: shown(spec),
    ...present({ endpoint: status?.endpoint, reason: ready?.reason, message: ready?.message }),
  };
}

function shown({ displayName, type, aws, azure, other, caBundle }: CloudApi["spec"]): CloudSpec {
  return {
    type,
    ...present({
      displayName,
      aws,
      azure,
      other: other === undefined ? undefined : { url: other.url, cloud: other.cloud },
      caBundle,
    }),
  };
}
