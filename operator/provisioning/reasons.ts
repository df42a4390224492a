import type { InteropErrorReason } from "../../interop/caller/errors.ts";
import type { ManifestErrorReason } from "../manifests/index.ts";

/** Why a device is still to be dealt with after it was answered. */
export const PENDING_REASONS = ["CloudBusy", "PolicyMissing", "NoAnswer", "CloudRefused"] as const;

export type PendingReason = (typeof PENDING_REASONS)[number];

/** Refusals that a placement works through by itself: nothing is wrong, it is under way, only slower. */
export const PACED: ReadonlySet<string> = new Set<PendingReason | InteropErrorReason>([
  "CloudBusy",
  "Throttled",
  "NoAnswer",
  "CloudRefused",
]);

/** What holds a placement up, besides answers, faults of the cloud and faults of the manifest. */
export const PLACEMENT_REASONS = [
  "LedgerNotWritten",
  "LedgerUnreadable",
  "LeaseNotRenewed",
  "RequestRefused",
  "InternalError",
] as const;

/** Whatever holds a placement up. */
export type HindranceReason =
  | (typeof PLACEMENT_REASONS)[number]
  | PendingReason
  | InteropErrorReason
  | ManifestErrorReason;
