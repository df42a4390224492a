import { describe, expect, it } from "vitest";
import { API_VERSION, type DeviceBatch } from "../../../crds/index.ts";
import { type Counts, noCounts } from "../../provisioning/ledger/states.ts";
import { findCondition } from "../../runtime/conditions.ts";
import { departureProgress, departuresVerdict } from "./departure-status.ts";
import type { Departure } from "./departures.ts";
import { heldStatus } from "./status.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const DOWN = { state: "Blocked", reason: "ConnectionRefused", message: "nothing listens there" } as const;

function departure(counts: Partial<Counts>, more: Partial<Departure> = {}): Departure {
  const whole = { ...noCounts(), ...counts };
  const rest = { key: "d001/x", ledgers: [], obstacle: undefined, progress: undefined };
  return { name: "aws", target: "AWS/1/eu-west-1", counts: whole, ...rest, ...more };
}

/** Was ready, and is being deleted. */
const batch: DeviceBatch = {
  apiVersion: API_VERSION,
  kind: "DeviceBatch",
  metadata: { name: "b", namespace: "acme", generation: 3, deletionTimestamp: "2026-03-01T11:59:00Z" },
  spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Deprovision" },
  status: {
    observedGeneration: 2,
    boundDevices: 500,
    provisionedDevices: 500,
    failedDevices: 0,
    provisionedAt: "2026-03-01T11:30:00Z",
    cloudNames: "aws",
    conditions: ["Bound", "Provisioned", "Ready"].map((type) => ({
      type,
      status: "True",
      reason: type === "Bound" ? "Bound" : "Provisioned",
      message: "",
      lastTransitionTime: "2026-03-01T11:30:00Z",
    })),
  },
};

describe("a cloud that devices are to leave", () => {
  it("calls nobody provisioned whom it may have taken out, be it called or not", () => {
    for (const obstacle of [undefined, DOWN, { ...DOWN, state: "Suspended", reason: "Suspended" } as const]) {
      const line = departureProgress(departure({ leaving: 480, removed: 20 }, { obstacle }), batch, NOW);
      expect(line).toMatchObject({ provisioned: 0, failed: 0, pending: 480 });
      expect(line.state).toBe(obstacle?.state ?? "Deprovisioning");
      expect(line.message).toContain("480 devices are still in AWS/1/eu-west-1 as far as is known");
    }
  });

  it("leaves them provisioned while nothing was sent", () => {
    const line = departureProgress(departure({ provisioned: 500 }, { obstacle: DOWN }), batch, NOW);
    expect(line).toMatchObject({ state: "Blocked", provisioned: 500, pending: 0 });
    expect(line.message).toMatch(/^ConnectionRefused: nothing listens there; 500 devices are still in AWS/);
    expect(line.message).not.toContain("as far as is known");
  });

  it("says of all of them together what is known", () => {
    const away = departure({ leaving: 3 }, { name: "away" });
    const { message } = departuresVerdict([departure({ provisioned: 2 }), away], NOW);
    expect(message).toContain("5 devices are still in aws, away as far as is known");
    expect(departuresVerdict([departure({ provisioned: 2 })], NOW).message).not.toContain("as far as");
  });
});

describe("heldStatus", () => {
  it("is provisioned no more, and says why it waits; what does not change stays", () => {
    const status = heldStatus(batch, [departure({ leaving: 500 }, { obstacle: DOWN })], NOW);
    expect(status).not.toHaveProperty("provisionedDevices");
    expect(status).not.toHaveProperty("provisionedAt");
    expect(status).toMatchObject({ observedGeneration: 3, boundDevices: 500, cloudNames: "aws" });
    expect(status.clouds).toMatchObject([{ name: "aws", state: "Blocked", provisioned: 0, pending: 500 }]);
    const { conditions } = status;
    expect(findCondition(conditions, "Bound")?.status).toBe("True");
    for (const type of ["Provisioned", "Ready"]) {
      expect(findCondition(conditions, type)).toMatchObject({
        status: "False",
        reason: "DeprovisionBlocked",
        message: expect.stringContaining("500 devices are still in aws as far as is known") as string,
      });
    }
  });
});
