import { INTEROP_ERROR_REASONS } from "../../interop/caller/errors.ts";
import { MANIFEST_ERROR_REASONS, REFUSAL_REASONS } from "../manifests/index.ts";
import { FAILURE_REASONS } from "../provisioning/ledger/states.ts";
import { PENDING_REASONS, PLACEMENT_REASONS } from "../provisioning/reasons.ts";

/*
 * Every reason that people meet in a condition, an Event or a status, by where they meet it. What controllers say is
 * typed by these, so that none is missing here; docs/troubleshooting.md explains each (a test compares the two).
 */

/** Of a CloudApi's Ready. */
export const CLOUD_API_REASONS = [
  "Connected",
  "Suspended",
  "StillInUse",
  "AddressInvalid",
  "CredentialsNotFound",
  "CredentialsInvalid",
  "SigningKeyMissing",
  ...INTEROP_ERROR_REASONS,
] as const;

/** Of a CloudApi's Default. */
export const DEFAULT_REASONS = ["OnlyDefault", "AmbiguousDefault"] as const;

/** Of a Reel's Ready. */
export const REEL_REASONS = [
  "ReadingManifest",
  "Available",
  "Bound",
  "Contested",
  "ManifestChanged",
  "NoUsableDevices",
  "InternalError",
  ...MANIFEST_ERROR_REASONS,
] as const;

/** Of a DeviceBatch's Bound, while it is not. */
export const UNBOUND_REASONS = [
  "AccountNotServed",
  "AlreadyBound",
  "BindingChanging",
  "BindingReleased",
  "CertificateSlotChanged",
  "Contested",
  "NotAllowed",
  "ReadingManifest",
  "ReelNotFound",
  "ReelNotReady",
  "Reserved",
  "SlotNotFound",
  "Suspended",
] as const;

/** Of a bound DeviceBatch's Ready and Provisioned. */
export const BATCH_REASONS = [
  "BoundOnly",
  "NoDefaultCloudApi",
  "AmbiguousDefault",
  "Provisioning",
  "Provisioned",
  "CloudBlocked",
  "DevicesFailed",
  "Suspended",
  "Deprovisioning",
  "DeprovisionBlocked",
  "DeprovisionUnsupported",
] as const;

/** Of a DeviceBatch's Active. */
export const ACTIVE_REASONS = ["DevicesActive", "DevicesDiffer"] as const;

/** Why a cloud of a batch cannot be called, in the message of its line. */
export const OBSTACLE_REASONS = [
  "CloudApiNotFound",
  "DeprovisionUnsupported",
  "LedgerUnreadable",
  "NotProbedYet",
  "ReelNotFound",
  ...CLOUD_API_REASONS,
] as const;

/** Of Events that repeat no condition. */
export const NEWS_REASONS = [
  "Bound",
  "TakenUp",
  "Throttled",
  "Healed",
  "Quarantined",
  "StillInUse",
  "Deprovisioned",
  "DevicesLeftBehind",
  "KeyRotationWaiting",
  "KeyRotated",
  "SigningKeyMissing",
  "CheckHindered",
] as const;

export type CloudApiReason = (typeof CLOUD_API_REASONS)[number];
export type ReelReason = (typeof REEL_REASONS)[number];
export type UnboundReason = (typeof UNBOUND_REASONS)[number];
export type BatchReason = (typeof BATCH_REASONS)[number];
export type ActiveReason = (typeof ACTIVE_REASONS)[number];
export type ObstacleReason = (typeof OBSTACLE_REASONS)[number] | ReelReason;
/** Of whatever Event. */
export type EventReason =
  | (typeof NEWS_REASONS)[number]
  | CloudApiReason
  | ReelReason
  | UnboundReason
  | BatchReason
  | ActiveReason;

/** All of them, with those of single devices and entries. */
export const ALL_REASONS: ReadonlySet<string> = new Set<string>([
  ...CLOUD_API_REASONS,
  ...DEFAULT_REASONS,
  ...REEL_REASONS,
  ...UNBOUND_REASONS,
  "Bound",
  ...BATCH_REASONS,
  ...ACTIVE_REASONS,
  ...OBSTACLE_REASONS,
  ...NEWS_REASONS,
  ...PENDING_REASONS,
  ...PLACEMENT_REASONS,
  ...FAILURE_REASONS,
  ...REFUSAL_REASONS,
]);

/** What an object's status says, where this version says so too; another version's words are not repeated. */
export function knownCloudApiReason(reason: string): CloudApiReason | undefined {
  return CLOUD_API_REASONS.find((known) => known === reason);
}

/** See {@link knownCloudApiReason}. */
export function knownReelReason(reason: string): ReelReason | undefined {
  return REEL_REASONS.find((known) => known === reason);
}
