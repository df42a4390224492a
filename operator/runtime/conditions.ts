import { formatTime } from "./times.ts";

export { formatTime };

/** metav1.Condition. Times are RFC 3339 strings with seconds. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

/** The longest message that the API conventions allow in a condition, in characters. */
const MAX_MESSAGE = 32_768;

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/**
 * The conditions with `next` in them, in its old place or at the end. `lastTransitionTime` moves only when the
 * status changes, so that writing the same condition again changes nothing.
 */
export function setCondition(
  existing: readonly Condition[] | undefined,
  next: Omit<Condition, "lastTransitionTime">,
  now: Date,
): Condition[] {
  const before = findCondition(existing, next.type);
  const lastTransitionTime =
    before !== undefined && before.status === next.status ? before.lastTransitionTime : formatTime(now);
  const condition: Condition = { ...next, message: next.message.slice(0, MAX_MESSAGE), lastTransitionTime };
  const others = existing ?? [];
  if (before === undefined) return [...others, condition];
  return others.map((other) => (other.type === next.type ? condition : other));
}

/** The conditions without those of a type. */
export function removeCondition(existing: readonly Condition[] | undefined, type: string): Condition[] {
  return (existing ?? []).filter((condition) => condition.type !== type);
}

/**
 * How an object stands, in the words of kstatus:
 * - `ready`: what was declared is so (Current).
 * - `progressing`: being worked on, no fault known (InProgress).
 * - `retrying`: something failed and will be tried again by itself (InProgress, but Ready says what is wrong).
 * - `stalled`: nothing more happens until someone changes something (Failed).
 */
export interface Verdict<Reason extends string = string> {
  state: "ready" | "progressing" | "retrying" | "stalled";
  /** CamelCase, for machines. */
  reason: Reason;
  /** For people. */
  message: string;
}

const READY_STATUS = { ready: "True", progressing: "Unknown", retrying: "False", stalled: "False" } as const;

/**
 * Sets Ready, Reconciling and Stalled from one verdict so that they never contradict each other. Reconciling and
 * Stalled are abnormal-true, as kstatus wants them: present only while True.
 * Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
export function readiness(
  existing: readonly Condition[] | undefined,
  verdict: Verdict,
  at: { observedGeneration?: number; now: Date },
): Condition[] {
  const { state, reason, message } = verdict;
  const generation = at.observedGeneration === undefined ? {} : { observedGeneration: at.observedGeneration };
  const set = (conditions: readonly Condition[] | undefined, type: string, status: Condition["status"]) =>
    setCondition(conditions, { type, status, reason, message, ...generation }, at.now);

  let conditions = set(existing, "Ready", READY_STATUS[state]);
  const working = state === "progressing" || state === "retrying";
  conditions = working ? set(conditions, "Reconciling", "True") : removeCondition(conditions, "Reconciling");
  return state === "stalled" ? set(conditions, "Stalled", "True") : removeCondition(conditions, "Stalled");
}
