import { expect, it } from "vitest";
import type { CloudActivity, CloudProgress } from "../../../crds/index.ts";
import type { RoundResult } from "../../provisioning/survey/surveys.ts";
import { activeCondition, activityOf } from "./activity.ts";

function round(differing: number, what = "Missing"): RoundResult {
  const differences = Array.from({ length: Math.min(10, differing) }, (_, at) => ({
    device: `${"d".repeat(60)}-${at}`,
    what,
  }));
  const counts = { asked: 1_000, active: 1_000 - differing, differing };
  return { toldAt: Date.UTC(2026, 0, 1), ...counts, differences, rounds: 3, request: "2026-01-01T00:00:00Z" };
}

function line(name: string, activity?: CloudActivity): CloudProgress {
  return { name, state: "Provisioned", ...(activity === undefined ? {} : { activity }) };
}

it("names ten devices that differ, fewer where a batch has many clouds, and one at least, so that a status stays small", () => {
  const named = (clouds: number): number => activityOf(round(500), clouds).differences?.length ?? 0;
  expect([1, 2, 4, 12, 64].map(named)).toEqual([10, 10, 5, 1, 1]);
  const lines = Array.from({ length: 16 }, (_, at) =>
    line(`cloud-${at}`, activityOf(round(500, "Inactive, NotAttached, PolicyMissing"), 16)),
  );
  expect(JSON.stringify([lines, activeCondition(lines)]).length).toBeLessThan(12_000);
});

it("says nothing where no cloud has told", () => {
  expect(activeCondition([line("a"), line("b")])).toBeUndefined();
  expect(activeCondition([])).toBeUndefined();
});

it("is about the clouds that told, and of those that differ about these alone", () => {
  const good = line("good", activityOf(round(0), 2));
  expect(activeCondition([line("silent"), good])).toMatchObject({
    status: "True",
    message: "good knows and lets in 1000 of 1000 devices that it was asked about",
  });
  const told = activeCondition([good, line("bad", activityOf(round(2), 2))]);
  expect(told).toMatchObject({ status: "False", reason: "DevicesDiffer" });
  expect(told?.message).toMatch(/^in bad, 2 of 1000 devices .* \(d+-0: Missing\); status\.clouds names them/);
});

it("has room for what to do where many clouds differ: an Event takes 1024 bytes", () => {
  const many = Array.from({ length: 16 }, (_, at) => line(`cloud-${at}`, activityOf(round(5), 16)));
  const told = activeCondition(many);
  expect(Buffer.byteLength(told?.message ?? "")).toBeLessThanOrEqual(1_024);
  expect(told?.message).toContain("and so in 13 more clouds; status.clouds names them");
  expect(told?.message).toContain("certferry.dev/provision-requested-at");
});

it("says that provisioning again lets in who was locked out, for that may have been meant so", () => {
  const told = activeCondition([line("a", activityOf(round(1, "Missing"), 1))]);
  expect(told?.message).toContain("lets in again devices that were locked out");
  expect(told?.message).not.toContain("nothing else");
});

it("does not say that provisioning again helps alone where another certificate holds a device's name", () => {
  const told = activeCondition([line("a", activityOf(round(1, "Missing, ExistsWithAnotherCertificate"), 1))]);
  expect(told?.message).toContain("remove there what holds the name of a device with another certificate");
});
