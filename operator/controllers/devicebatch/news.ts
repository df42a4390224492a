import type { DeviceBatch, DeviceBatchStatus, ReelBinding } from "../../../crds/index.ts";
import { findCondition, isConditionTrue } from "../../runtime/conditions.ts";
import type { EventInput } from "../../runtime/events.ts";
import { NEXT_TRY } from "../next-try.ts";
import type { BatchReason, EventReason, UnboundReason } from "../reasons.ts";
import type { Claim } from "./claim.ts";

type News = EventInput<EventReason>;

/** Verdicts of which it is good to hear that they are over. */
const ILLS: ReadonlySet<string> = new Set<BatchReason | UnboundReason>([
  "CloudBlocked",
  "DevicesFailed",
  "DeprovisionBlocked",
  "DeprovisionUnsupported",
  "NoDefaultCloudApi",
  "AmbiguousDefault",
  "ReelNotReady",
]);

/** A verdict, as it was given by this version. */
export interface Judged {
  readonly status: DeviceBatchStatus;
  readonly reason: EventReason;
}

/** What people are told when a batch's status was written: that the verdict is another, not how far it is. */
export function newsOf({ status: before }: DeviceBatch, { status, reason }: Judged): News[] {
  const now = findCondition(status.conditions, "Ready");
  const was = findCondition(before?.conditions, "Ready");
  if (now === undefined || (now.status === was?.status && now.reason === was.reason)) return [];
  const action = isConditionTrue(status.conditions, "Bound") ? "Provision" : "Bind";
  const news: News[] = [];
  if (now.status !== "False" && was !== undefined && was.status === "False" && ILLS.has(was.reason)) {
    news.push({ type: "Normal", reason: "Healed", action, message: `${was.reason} is over: it goes on` });
  }
  // What is merely under way is no news.
  if (now.status === "Unknown") return news;
  const type = now.status === "False" && reason !== "Suspended" ? "Warning" : "Normal";
  return [...news, { type, reason, action, message: now.message.replaceAll(NEXT_TRY, "") }];
}

/** What people are told when other devices than before are not as they were left in their clouds, or none any more. */
export function newsOfActivity({ status: before }: DeviceBatch, after: DeviceBatchStatus): News | undefined {
  const was = findCondition(before?.conditions, "Active");
  const now = findCondition(after.conditions, "Active");
  if (now === undefined || now.message === was?.message) return undefined;
  const { message } = now;
  if (now.status === "False") return { type: "Warning", reason: "DevicesDiffer", action: "Check", message };
  if (was?.status !== "False") return undefined;
  return { type: "Normal", reason: "DevicesActive", action: "Check", message };
}

/** What people are told when a reel has become a batch's own; undefined when it was before. */
export function newsOfClaim({
  binding: { spec },
  how,
}: Extract<Claim, { binding: ReelBinding }>): News | undefined {
  if (how === "had") return undefined;
  const reel = `reel ${spec.batchId} with ${spec.devices} devices`;
  const message =
    how === "bound"
      ? `${reel} is bound to this account`
      : `${reel}, which this account has had since ${spec.boundAt}, is taken up; what is in a cloud already is not sent again`;
  return { type: "Normal", reason: how === "bound" ? "Bound" : "TakenUp", action: "Bind", message };
}

/** A cloud that throttles does so on and off: told once in so long, for each cloud of a batch. */
const THROTTLED_MS = 30 * 60_000;

/** Remembers which clouds were told to throttle which batches. */
export class ThrottleNews {
  readonly #told = new Map<string, Map<string, number>>();

  /** Who is to be told that a cloud holds a batch back, and was not of late. @param now epoch ms */
  of(key: string, { clouds = [] }: DeviceBatchStatus, now: number): News[] {
    const throttling = clouds.filter(({ limitedBy }) => limitedBy === "CloudThrottling");
    if (throttling.length === 0) return [];
    const told = this.#told.get(key) ?? new Map<string, number>();
    this.#told.set(key, told);
    const fresh = throttling.filter(({ name }) => now - (told.get(name) ?? -Infinity) > THROTTLED_MS);
    for (const { name } of throttling) told.set(name, now);
    return fresh.map(({ name }) => ({
      type: "Normal",
      reason: "Throttled",
      action: "Provision",
      message: `${name} takes fewer devices than could be sent; they go in by themselves, at the pace that it allows. More at once takes a higher quota there`,
    }));
  }

  forget(key: string): void {
    this.#told.delete(key);
  }
}
