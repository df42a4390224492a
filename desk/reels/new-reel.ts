import { isUtf8 } from "node:buffer";
import { API_VERSION, LEDGER_REEL_LABEL, type ManifestSource, type Reel } from "../../crds/index.ts";
import type { ConfigMap } from "../../operator/accounts/core-kinds.ts";
import { reelNameFor } from "../batch-id.ts";

/** What a ConfigMap holds at most is 1 MiB; some is left for its metadata. */
export const CONFIG_MAP_BYTES = 1_000_000;

/** The Reel of a batch ID, whose manifest is at a source. */
export function newReel(batchId: string, manifest: ManifestSource, reservedFor?: string): Reel {
  return {
    apiVersion: API_VERSION,
    kind: "Reel",
    metadata: { name: reelNameFor(batchId) },
    spec: {
      batchId,
      manifest,
      ...(reservedFor === undefined ? {} : { reservedFor: { namespace: reservedFor } }),
    },
  };
}

/** The ConfigMap, in the operator's namespace, that a small manifest is kept in. */
export function manifestConfigMap(
  batchId: string,
  namespace: string,
  key: string,
  content: Uint8Array,
): ConfigMap {
  const name = reelNameFor(batchId);
  const text = isUtf8(content) ? { data: { [key]: Buffer.from(content).toString("utf8") } } : undefined;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `reel-${name}`, namespace, labels: { [LEDGER_REEL_LABEL]: name } },
    ...(text ?? { binaryData: { [key]: Buffer.from(content).toString("base64") } }),
  };
}
