/**
 * What the ledger knows of one device in one cloud, as one byte.
 *
 * The numbers are written into clusters (format v1): they are never reused or
 * renumbered. At most 32 of them, so that a chunk stays under its size whatever
 * the mixture (see `format.ts`).
 */
export const PENDING = 0;
export const PROVISIONED = 1;
export const QUARANTINED = 2;

/** Why a device is not in the cloud and is not tried again by itself. */
export const FAILURE_REASONS = [
  "SerialCollision",
  "CertificateRejected",
  "CertificateNotDecodable",
  "SerialRejected",
  "ValidityRejected",
  "ThumbprintRejected",
  "RegistryRefused",
  "RequestRefused",
  "IdentityTaken",
  "Unknown",
  "NameRejected",
  "NotPermitted",
  "QuotaExceeded",
] as const;

export type FailureReason = (typeof FAILURE_REASONS)[number];
export type DeviceState = number;

const FIRST_FAILURE = 3;
export const STATE_LIMIT = 32;

/** The state byte of a failure. */
export function failed(reason: FailureReason): DeviceState {
  return FIRST_FAILURE + FAILURE_REASONS.indexOf(reason);
}

export function isFailed(state: DeviceState): boolean {
  return state >= FIRST_FAILURE;
}

/** The reason of a failed state; `Unknown` for a number that this version does not know. */
export function failureReason(state: DeviceState): FailureReason {
  return FAILURE_REASONS[state - FIRST_FAILURE] ?? "Unknown";
}

export interface Counts {
  provisioned: number;
  failed: number;
  pending: number;
  quarantined: number;
}

/** Counts devices by state; the only place where counters come from. */
export function countStates(states: Uint8Array): Counts {
  const counts: Counts = { provisioned: 0, failed: 0, pending: 0, quarantined: 0 };
  for (const state of states) {
    if (state === PENDING) counts.pending += 1;
    else if (state === PROVISIONED) counts.provisioned += 1;
    else if (state === QUARANTINED) counts.quarantined += 1;
    else counts.failed += 1;
  }
  return counts;
}

/** The sum of several chunks' counts. */
export function addCounts(all: Iterable<Counts>): Counts {
  const sum: Counts = { provisioned: 0, failed: 0, pending: 0, quarantined: 0 };
  for (const counts of all) {
    sum.provisioned += counts.provisioned;
    sum.failed += counts.failed;
    sum.pending += counts.pending;
    sum.quarantined += counts.quarantined;
  }
  return sum;
}
