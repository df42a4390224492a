import { describe, expect, it } from "vitest";
import type { PlacementProgress } from "../../provisioning/placement-spec.ts";
import { limitedBy } from "./cloud-progress.ts";

const running: PlacementProgress = {
  running: true,
  direction: "in",
  hindrance: undefined,
  devicesPerSecond: 9.7,
  failures: [],
};

describe("what limits a cloud's pace", () => {
  it.each(["CloudThrottling", "Limits", "Turn"] as const)("is %s while devices are on their way", (by) => {
    const progress = { ...running, limitedBy: { by } };
    expect(limitedBy(progress, "Provisioning")).toEqual({ limitedBy: by });
    expect(limitedBy(progress, "Deprovisioning")).toEqual({ limitedBy: by });
    expect(limitedBy(progress, "Blocked")).toEqual({});
    expect(limitedBy({ ...progress, running: false }, "Provisioning")).toEqual({});
  });

  it("is a cloud that does not answer, also where nothing goes on any more", () => {
    const progress = { ...running, limitedBy: { by: "Unreachable" as const, nextTryAt: 1 } };
    expect(limitedBy(progress, "Blocked")).toEqual({ limitedBy: "Unreachable" });
    expect(limitedBy(progress, "Provisioning")).toEqual({ limitedBy: "Unreachable" });
  });

  it("is a cloud that throttles, also before it has come to a rate", () => {
    const hindrance = { reason: "CloudBusy", message: "busy", since: 0 };
    expect(limitedBy({ ...running, hindrance }, "Provisioning")).toEqual({ limitedBy: "CloudThrottling" });
    expect(
      limitedBy({ ...running, hindrance: { ...hindrance, reason: "NoAnswer" } }, "Provisioning"),
    ).toEqual({});
  });

  it("is nothing but the cloud's own speed else", () => {
    expect(limitedBy(running, "Provisioning")).toEqual({});
    expect(limitedBy(undefined, "Pending")).toEqual({});
  });
});
