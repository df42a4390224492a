export { ManifestError, type ManifestErrorReason } from "./errors.ts";
export { inspectManifest } from "./inspect.ts";
export { readManifest } from "./reader.ts";
export {
  DEFAULT_LIMITS,
  type DeviceRecord,
  type ManifestRecord,
  type ManifestSummary,
  type ReadLimits,
  type ReadOptions,
  type RefusalReason,
  type RefusedRecord,
  type StoredManifest,
} from "./records.ts";
export { Slots } from "./slots.ts";
export type { EgressPolicy, ReadConfigMap, ReadSecret } from "./sources/port.ts";
export { ManifestStore, type ManifestStoreOptions } from "./store/store.ts";
