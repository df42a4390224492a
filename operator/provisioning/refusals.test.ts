import { describe, expect, it } from "vitest";
import { Refusals } from "./refusals.ts";

describe("Refusals", () => {
  it("counts a device's, until it is let in or asked for anew", () => {
    const refusals = new Refusals();
    refusals.refused(1);
    refusals.refused(1);
    refusals.refused(2);
    expect([refusals.times(1), refusals.times(2), refusals.times(3)]).toEqual([2, 1, 0]);
    refusals.forget(1);
    expect(refusals.times(1)).toBe(0);
    refusals.clear();
    expect(refusals.times(2)).toBe(0);
  });

  it("are a device's own when others were let in between two of them", () => {
    const refusals = new Refusals();
    refusals.admitted(5);
    expect(refusals.refused(1)).toBe(false);
    expect(refusals.refused(1)).toBe(false);
    refusals.admitted(1);
    expect(refusals.refused(1)).toBe(true);
    expect(refusals.refused(1)).toBe(false);
  });
});
