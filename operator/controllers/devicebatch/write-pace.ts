import type { DeviceBatchStatus } from "../../../crds/index.ts";
import { findCondition, isConditionTrue } from "../../runtime/conditions.ts";
import { sameJson } from "../../runtime/json.ts";
import { NEXT_TRY } from "../next-try.ts";

/** A batch's status is written at most once a second, but for what people and tools wait for. */
const INTERVAL_MS = 1_000;
/** Where nothing but the time of a next try moved: so seldom, and for all batches of an account four in a second. */
const TIMES_ONLY_MS = 5_000;
const TIMES_ONLY_MS_EACH = 250;

/**
 * How long a status waits to be written, in milliseconds; 0: it is written at once.
 *
 * @param before what stands in the object.
 * @param sinceMs since this batch's status was written last.
 * @param siblings how many batches the account has: they all wait for the same clouds.
 */
export function writeDelay(
  before: DeviceBatchStatus | undefined,
  after: DeviceBatchStatus,
  sinceMs: number,
  siblings: number,
): number {
  if (before === undefined || isAwaited(before, after)) return 0;
  const interval = isTimesOnly(before, after)
    ? Math.max(TIMES_ONLY_MS, siblings * TIMES_ONLY_MS_EACH)
    : INTERVAL_MS;
  return Math.max(0, interval - sinceMs);
}

/** What somebody may be waiting for: that it is ready, no more ready, in need of a person, or seen at all. */
function isAwaited(before: DeviceBatchStatus, after: DeviceBatchStatus): boolean {
  if (before.observedGeneration !== after.observedGeneration) return true;
  if (isConditionTrue(before.conditions, "Ready") !== isConditionTrue(after.conditions, "Ready")) return true;
  const stalled = findCondition(after.conditions, "Stalled");
  return stalled !== undefined && stalled.reason !== findCondition(before.conditions, "Stalled")?.reason;
}

/** Whether the two differ in nothing but times that were there already. */
function isTimesOnly(before: DeviceBatchStatus, after: DeviceBatchStatus): boolean {
  const [earlier, later] = [JSON.stringify(before), JSON.stringify(after)];
  const times = (json: string): number => json.match(NEXT_TRY)?.length ?? 0;
  if (times(earlier) < times(later)) return false;
  const timeless = (json: string): unknown => JSON.parse(json.replaceAll(NEXT_TRY, ""));
  return sameJson(timeless(earlier), timeless(later));
}
