import { describe, expect, it } from "vitest";
import { API_VERSION, type CloudProgress, type DeviceBatch } from "../crds/index.ts";
import { progressOf } from "./progress.ts";

function batch(clouds: CloudProgress[]): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { namespace: "acme", name: "d001" },
    spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" },
    status: { clouds },
  };
}

const SOON = "2026-11-26T12:00:00Z";
const LATER = "2026-11-26T13:00:00Z";

describe("the end of a batch", () => {
  it("is that of its last cloud, also of one that devices are taken out of", () => {
    const clouds: CloudProgress[] = [
      { name: "eu", state: "Provisioning", estimatedCompletion: SOON, devicesPerSecond: 4 },
      { name: "us", state: "Deprovisioning", estimatedCompletion: LATER, devicesPerSecond: 2 },
      { name: "hub", state: "Provisioned" },
    ];
    expect(progressOf(batch(clouds))).toMatchObject({ completion: Date.parse(LATER), perSecond: 6 });
  });

  it("is not known while that of one cloud is not", () => {
    const clouds: CloudProgress[] = [
      { name: "eu", state: "Provisioning", estimatedCompletion: SOON },
      { name: "us", state: "Pending" },
    ];
    expect(progressOf(batch(clouds)).completion).toBeUndefined();
    expect(progressOf(batch([{ name: "eu", state: "Provisioned" }])).completion).toBeUndefined();
  });
});
