import { expect, it } from "vitest";
import { API_VERSION, type CloudApi, type CloudProgress, type DeviceBatch } from "../crds/index.ts";
import { cloudsThatTell, toldOf } from "./activity.ts";

const activity = (toldAt: string, asked: number, active: number, differing: number) => ({
  activity: { toldAt, asked, active, differing, rounds: 1 },
});

it("adds up what clouds told, as old as the oldest answer; nothing where none told", () => {
  const lines: Pick<CloudProgress, "activity">[] = [
    activity("2026-11-26T12:00:00Z", 10, 9, 1),
    {},
    activity("2026-11-26T09:00:00Z", 5, 5, 0),
  ];
  expect(toldOf(lines)).toEqual({ asked: 15, active: 14, differing: 1, oldest: "2026-11-26T09:00:00Z" });
  expect(toldOf([{}])).toBeUndefined();
});

it("names the clouds of a batch that offer to tell", () => {
  const api = (name: string, capabilities: string[]): CloudApi => ({
    apiVersion: API_VERSION,
    kind: "CloudApi",
    metadata: { name, namespace: "acme" },
    spec: { type: "AWS" },
    status: { capabilities },
  });
  const batch: DeviceBatch = {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { name: "d001", namespace: "acme" },
    spec: {
      batchId: "D001",
      provisioning: "Automatic",
      deletionPolicy: "Retain",
      cloudApis: [{ name: "old" }, { name: "able" }],
    },
  };
  const apis = [api("old", ["codes"]), api("able", ["codes", "status"]), api("other", ["status"])];
  expect(cloudsThatTell(batch, apis)).toEqual(["able"]);
});
