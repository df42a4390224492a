import { describe, expect, it } from "vitest";
import type { DeviceBatchStatus } from "../../../crds/index.ts";
import { readiness, type Verdict } from "../../runtime/conditions.ts";
import { writeDelay } from "./write-pace.ts";

const NOW = new Date("2026-03-01T12:00:00Z");

function status(state: Verdict["state"], reason: string, message = "", generation = 1): DeviceBatchStatus {
  const verdict = { state, reason, message };
  return {
    observedGeneration: generation,
    conditions: readiness([], verdict, { observedGeneration: generation, now: NOW }),
  };
}

const busy = status("progressing", "Provisioning");
const blocked = (time: string): DeviceBatchStatus =>
  status("retrying", "CloudBlocked", `0 of 2; aws: Timeout: no answer${time}`);

describe("writeDelay", () => {
  it("is a second between two writes, also where the reason moves to and fro", () => {
    expect(writeDelay(busy, blocked(""), 300, 1)).toBe(700);
    expect(writeDelay(blocked(""), busy, 300, 1)).toBe(700);
    expect(writeDelay(busy, blocked(""), 1_000, 1)).toBe(0);
  });

  it.each([
    ["becomes ready", busy, status("ready", "Provisioned")],
    ["is ready no more", status("ready", "Provisioned"), busy],
    ["needs a person", blocked(""), status("stalled", "DevicesFailed")],
    ["needs a person for another reason", status("stalled", "Suspended"), status("stalled", "DevicesFailed")],
    ["has seen another spec", busy, status("progressing", "Provisioning", "", 2)],
  ])("is nothing where a batch %s", (_what, before, after) => {
    expect(writeDelay(before, after, 0, 1_000)).toBe(0);
  });

  it("is nothing for the first status", () => {
    expect(writeDelay(undefined, busy, 0, 1_000)).toBe(0);
  });

  it("is long where only the time of the next try moved, the longer the more batches wait", () => {
    const [first, second] = [
      blocked("; next try at 2026-03-01T12:00:02Z"),
      blocked("; next try at 2026-03-01T12:00:06Z"),
    ];
    expect(writeDelay(first, second, 1_000, 1)).toBe(4_000);
    expect(writeDelay(first, blocked(""), 1_000, 1)).toBe(4_000);
    expect(writeDelay(first, second, 1_000, 1_000)).toBe(249_000);
    expect(writeDelay(first, busy, 1_000, 1_000)).toBe(0);
    // That there is a next try at all is news.
    expect(writeDelay(blocked(""), first, 1_000, 1_000)).toBe(0);
  });
});
