import { describe, expect, it } from "vitest";
import { Refusals } from "./refusals.ts";

const left = { order: 1, at: 0, devices: 10, rate: Infinity };

/** Requests of ten, of which so many are refused, and sent again with the next one. */
function requests(refusals: Refusals, count: number, refused: number, again: "let in" | "refused"): void {
  for (let request = 0; request < count; request += 1) {
    const before = Array.from({ length: refused }, (_, at) => (request - 1) * 10 + at);
    refusals.answered(10 - refused, 10, refused);
    for (const ordinal of before) {
      if (again === "refused") refusals.refused(ordinal, left, true);
      else refusals.letIn(ordinal);
    }
    for (let at = 0; at < refused; at += 1) refusals.refused(request * 10 + at, left, true);
  }
}

describe("Refusals", () => {
  it("counts a device's, until it is let in or asked for anew", () => {
    const refusals = new Refusals();
    refusals.refused(1, left, true);
    refusals.refused(1, left, true);
    refusals.refused(2, left, true);
    expect([refusals.times(1), refusals.times(2), refusals.times(3)]).toEqual([2, 1, 0]);
    expect(refusals.letIn(1)).toBe(left);
    expect(refusals.times(1)).toBe(0);
    expect(refusals.letIn(1)).toBeUndefined();
    refusals.clear();
    expect(refusals.times(2)).toBe(0);
  });

  it("are a device's own when others were let in between two of them", () => {
    const refusals = new Refusals();
    refusals.answered(5, 5, 0);
    expect(refusals.refused(1, left, true)).toBe(false);
    expect(refusals.refused(1, left, true)).toBe(false);
    refusals.answered(1, 1, 0);
    expect(refusals.refused(1, left, true)).toBe(true);
    expect(refusals.refused(1, left, true)).toBe(false);
  });

  it("tell of the cloud at once where most are refused, or the refused are let in when they come again", () => {
    const most = new Refusals();
    most.answered(1, 10, 9);
    expect(most.areTelling).toBe(true);
    const some = new Refusals();
    some.answered(8, 10, 2);
    expect(some.areTelling).toBe(false);
    requests(some, 10, 2, "let in");
    expect(some.areTelling).toBe(true);
    expect(some.areOwn).toBe(false);
  });

  it("tell nothing of the cloud where the same are refused again and again", () => {
    const refusals = new Refusals();
    requests(refusals, 10, 3, "refused");
    expect(refusals.areOwn).toBe(true);
    expect(refusals.areTelling).toBe(false);
  });

  it("change their mind: a cloud that is busy now is told from devices that were at fault", () => {
    const refusals = new Refusals();
    requests(refusals, 10, 3, "refused");
    requests(refusals, 20, 3, "let in");
    expect(refusals.areTelling).toBe(true);
    requests(refusals, 20, 3, "refused");
    expect(refusals.areTelling).toBe(false);
  });
});
