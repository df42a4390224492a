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
/**
 * Taken out of the cloud again. Only while others of its part are still to be taken out: a ledger that has
 * nothing else to say is deleted.
 */
export const REMOVED = 31;
/**
 * Was in the cloud, and is to be taken out: whether it still is in is known only when the cloud has answered. All
 * devices are so from before the first request leaves, for its answer may never come.
 */
export const LEAVING = 30;

/** The state byte of a failure. */
export function failed(reason: FailureReason): DeviceState {
  return FIRST_FAILURE + FAILURE_REASONS.indexOf(reason);
}

export function isFailed(state: DeviceState): boolean {
  return state >= FIRST_FAILURE && state !== REMOVED && state !== LEAVING;
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
  /** On their way out: were in, and whether they still are is not known. */
  leaving: number;
  /** Taken out again. */
  removed: number;
}

/** As they are written: those of a departure only while there are such. */
export type WrittenCounts = Omit<Counts, "leaving" | "removed"> &
  Partial<Pick<Counts, "leaving" | "removed">>;

/** No device at all. */
export function noCounts(): Counts {
  return { provisioned: 0, failed: 0, pending: 0, quarantined: 0, leaving: 0, removed: 0 };
}

/** Counts devices by state; the only place where counters come from. */
export function countStates(states: Uint8Array): Counts {
  const counts = noCounts();
  for (const state of states) counts[bucketOf(state)] += 1;
  return counts;
}

/** Which counter a device in this state belongs to. */
export function bucketOf(state: DeviceState): keyof Counts {
  if (state === PENDING) return "pending";
  if (state === PROVISIONED) return "provisioned";
  if (state === QUARANTINED) return "quarantined";
  if (state === LEAVING) return "leaving";
  return state === REMOVED ? "removed" : "failed";
}

/** The sum of several chunks' counts. */
export function addCounts(all: Iterable<WrittenCounts>): Counts {
  const sum = noCounts();
  for (const counts of all) {
    sum.provisioned += counts.provisioned;
    sum.failed += counts.failed;
    sum.pending += counts.pending;
    sum.quarantined += counts.quarantined;
    sum.leaving += counts.leaving ?? 0;
    sum.removed += counts.removed ?? 0;
  }
  return sum;
}
