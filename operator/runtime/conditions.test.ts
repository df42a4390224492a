import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { findCondition, isConditionTrue, readiness, setCondition } from "./conditions.ts";
import type { Condition, Verdict } from "./conditions.ts";

const TYPE = fc.constantFrom("Ready", "Bound", "Provisioned", "Reconciling", "Stalled");
const NEXT = fc.record({
  type: TYPE,
  status: fc.constantFrom("True", "False", "Unknown"),
  reason: fc.constantFrom("A", "B"),
  message: fc.constantFrom("one", "two"),
});

describe("setCondition", () => {
  it("keeps one condition a type, in its place, with the time at which its status last changed", () => {
    fc.assert(
      fc.property(fc.array(NEXT, { minLength: 1, maxLength: 20 }), (steps) => {
        let conditions: Condition[] = [];
        const order: string[] = [];
        const since = new Map<string, { status: string; at: string }>();
        for (const [second, step] of steps.entries()) {
          const now = new Date(Date.UTC(2026, 0, 1, 0, 0, second));
          conditions = setCondition(conditions, step, now);
          if (!order.includes(step.type)) order.push(step.type);
          if (since.get(step.type)?.status !== step.status) {
            since.set(step.type, { status: step.status, at: `${now.toISOString().slice(0, 19)}Z` });
          }
          expect(findCondition(conditions, step.type)).toMatchObject(step);
        }
        expect(conditions.map(({ type }) => type)).toEqual(order);
        for (const { type, lastTransitionTime } of conditions) {
          expect(lastTransitionTime).toBe(since.get(type)?.at);
        }
      }),
    );
  });

  it("does not change what it is given", () => {
    const before: Condition[] = [];
    setCondition(before, { type: "Ready", status: "True", reason: "A", message: "" }, new Date(0));
    expect(before).toEqual([]);
  });

  it("cuts a message that the API conventions would refuse", () => {
    const long = { type: "Ready", status: "False", reason: "A", message: "x".repeat(40_000) } as const;
    expect(setCondition([], long, new Date(0))[0]?.message).toHaveLength(32_768);
  });
});

/** What kstatus makes of the conditions. */
function kstatus(conditions: readonly Condition[]): string {
  if (isConditionTrue(conditions, "Stalled")) return "Failed";
  if (isConditionTrue(conditions, "Reconciling")) return "InProgress";
  return isConditionTrue(conditions, "Ready") ? "Current" : "InProgress";
}

describe("readiness", () => {
  const expected = { ready: "Current", progressing: "InProgress", retrying: "InProgress", stalled: "Failed" };
  const verdict: fc.Arbitrary<Verdict> = fc.record({
    state: fc.constantFrom("ready", "progressing", "retrying", "stalled"),
    reason: fc.constantFrom("A", "B"),
    message: fc.string(),
  });

  it("reads as kstatus wants it after any history, and is the same when written again", () => {
    fc.assert(
      fc.property(fc.array(verdict, { minLength: 1, maxLength: 8 }), (verdicts) => {
        let conditions: Condition[] = [{ ...bound, lastTransitionTime: "2026-01-01T00:00:00Z" }];
        for (const [generation, verdict] of verdicts.entries()) {
          const at = { observedGeneration: generation, now: new Date(generation * 1_000) };
          conditions = readiness(conditions, verdict, at);
          expect(kstatus(conditions)).toBe(expected[verdict.state]);
          const ready = findCondition(conditions, "Ready");
          expect(ready).toMatchObject({
            reason: verdict.reason,
            message: verdict.message,
            observedGeneration: generation,
          });
          // Abnormal-true: there only while True.
          for (const type of ["Reconciling", "Stalled"]) {
            expect(["True", undefined]).toContain(findCondition(conditions, type)?.status);
          }
          expect(findCondition(conditions, "Bound")).toMatchObject(bound);
          expect(readiness(conditions, verdict, { ...at, now: new Date(1e9) })).toEqual(conditions);
        }
      }),
    );
  });

  const bound = { type: "Bound", status: "True", reason: "Bound", message: "" } as const;
});
