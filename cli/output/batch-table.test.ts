import { describe, expect, it } from "vitest";
import type { DeviceBatch } from "../../crds/index.ts";
import { systemClock } from "../../operator/runtime/clock.ts";
import type { Output } from "../io.ts";
import { batchTable } from "./batch-table.ts";

function batch(name: string, reason: string, cloudNames: string): DeviceBatch {
  const condition = { type: "Ready", status: "True", reason, message: "", lastTransitionTime: "" };
  return {
    apiVersion: "certferry.dev/v1alpha1",
    kind: "DeviceBatch",
    metadata: { namespace: "acme", name, generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { batchId: "D001" },
    status: { observedGeneration: 1, conditions: [condition], cloudNames },
  } as DeviceBatch;
}

const BATCHES = [
  batch("pump-controllers-week-45", "Provisioned", "aws-eu, azure-hub"),
  batch("d002", "ReelNotReady", "azure-hub"),
];

/** The lines on a terminal of so many columns. */
function shownAt(columns: number): string[] {
  const stdout: Output = {
    isTTY: true,
    columns,
    rows: 24,
    write: () => Promise.resolve(),
    atEnd: () => () => {},
    onResize: () => () => {},
  };
  const text = batchTable(BATCHES, { stdout, env: { NO_COLOR: "1" }, clock: systemClock }, {});
  return text.trimEnd().split("\n");
}

describe("the table of batches", () => {
  it("has how each batch stands on 80 columns, and the number of clouds where their names have no room", () => {
    const lines = shownAt(80);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(lines[0]).toMatch(/ FAILED {2}STATUS +CLOUDS +AGE$/);
    expect(lines[1]).toMatch(/^pump-contro\S*… .* Provisioned +2 clouds +\d+d$/);
    expect(lines[2]).toMatch(/^d002 .* ReelNotReady +azure-h\S* +\d+d$/);
  });

  it("has all names where there is room", () => {
    expect(shownAt(120)[1]).toMatch(/^pump-controllers-week-45 .* Provisioned +aws-eu, azure-hub +\d+d$/);
  });
});
