export { isSignedFormat } from "./formats/registry.ts";
export { MANIFEST_ERROR_REASONS, ManifestError, type ManifestErrorReason } from "./errors.ts";
export { inspectManifest } from "./inspect.ts";
export type { PackedDevice, PackedRecord } from "./pack/records.ts";
export { readManifest } from "./reader.ts";
export {
  DEFAULT_LIMITS,
  type DeviceRecord,
  type ManifestRecord,
  type ManifestSummary,
  type ReadLimits,
  type ReadOptions,
  REFUSAL_REASONS,
  type RefusalReason,
  type RefusedRecord,
  type StoredManifest,
} from "./records.ts";
export { Slots } from "./slots.ts";
export type { EgressPolicy, ReadConfigMap, ReadSecret } from "./sources/port.ts";
export { ManifestStore, type ManifestStoreOptions } from "./store/store.ts";
export type { ValidatedManifest } from "./store/validated.ts";
export { archivePlace, type ArchivePlace, openArchive } from "./store/archive/open.ts";
export type { ManifestArchive } from "./store/archive/port.ts";
