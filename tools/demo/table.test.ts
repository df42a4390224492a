import { describe, expect, it } from "vitest";

import type { DeviceBatch } from "../../crds/index.ts";
import { missing, rowOf } from "./progress.ts";
import { LiveTable, renderTable } from "./table.ts";

const DEVICES = new Map([["D005", 2]]);

type Status = NonNullable<DeviceBatch["status"]>;
type State = NonNullable<Status["clouds"]>[number]["state"];

function batch(status: Status | undefined, spec: Partial<DeviceBatch["spec"]> = {}): DeviceBatch {
  return {
    apiVersion: "certferry.dev/v1alpha1",
    kind: "DeviceBatch",
    metadata: { name: "d005", namespace: "acme", generation: 3 },
    spec: { batchId: "D005", provisioning: "Automatic", deletionPolicy: "Retain", ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

function condition(
  type: string,
  status: "True" | "False",
  reason: string,
): NonNullable<Status["conditions"]>[number] {
  return {
    type,
    status,
    reason,
    message: `because of ${reason}`,
    lastTransitionTime: "2026-11-23T10:00:00Z",
  };
}

function status(clouds: Record<string, State>, more: Partial<Status> = {}): Status {
  return {
    observedGeneration: 3,
    boundDevices: 2,
    provisionedDevices: 2,
    clouds: Object.entries(clouds).map(([name, state]) => ({ name, state })),
    conditions: [condition("Bound", "True", "Bound"), condition("Ready", "True", "Done")],
    ...more,
  };
}

const TWO_CLOUDS = { "aws-eu": "Provisioned", "azure-hub": "Provisioned" } as const;

describe("a row", () => {
  it("is done when every device is in every cloud", () => {
    expect(rowOf(batch(status(TWO_CLOUDS)), DEVICES)).toMatchObject({ done: true, state: "Ready" });
  });

  it.each([
    ["nothing is said yet", undefined],
    ["what is said is of an earlier spec", status(TWO_CLOUDS, { observedGeneration: 2 })],
    ["a device is missing", status(TWO_CLOUDS, { provisionedDevices: 1 })],
    ["fewer were bound than the reel has", status(TWO_CLOUDS, { boundDevices: 1, provisionedDevices: 1 })],
    ["one cloud is not", status({ "aws-eu": "Provisioned", "azure-hub": "Blocked" })],
    ["there is no cloud", status({})],
    ["it is not ready", status(TWO_CLOUDS, { conditions: [condition("Ready", "False", "Provisioning")] })],
  ])("is not done when %s", (_why, given) => {
    expect(rowOf(batch(given), DEVICES).done).toBe(false);
    expect(missing([batch(given)], DEVICES)).toHaveLength(1);
  });

  it("awaits a choice when the batch is manual, bound, and names no cloud", () => {
    const bound = status({}, { provisionedDevices: 0 });
    expect(rowOf(batch(bound, { provisioning: "Manual" }), DEVICES).awaitsChoice).toBe(true);
    expect(rowOf(batch(bound), DEVICES).awaitsChoice).toBe(false);
    const named = batch(bound, { provisioning: "Manual", cloudApis: [{ name: "x" }] });
    expect(rowOf(named, DEVICES).awaitsChoice).toBe(false);
  });

  it("says what is missing in words", () => {
    const late = status(
      { "aws-eu": "Provisioned", "azure-hub": "Blocked" },
      { provisionedDevices: 0, conditions: [condition("Ready", "False", "Unauthorized")] },
    );
    expect(missing([batch(late)], DEVICES)).toEqual([
      "acme/d005 (reel D005): 2 of 2 bound, 0 provisioned; azure-hub Blocked; because of Unauthorized",
    ]);
  });
});

describe("the table", () => {
  const row = rowOf(batch(status({ "aws-eu": "Provisioned", "azure-hub": "Pending" })), DEVICES);

  it("has a column for each thing", () => {
    expect(renderTable([row])).toEqual([
      "BATCH  ACCOUNT  BOUND  PROVISIONED  CLOUDS                       STATE",
      "d005   acme     2/2    2/2          aws-eu, azure-hub (Pending)  Ready",
    ]);
  });

  it("is no wider than the terminal", () => {
    for (const line of renderTable([row], 30)) expect(line.length).toBeLessThanOrEqual(30);
  });

  function screen(isTTY: boolean): { table: LiveTable; written: string[] } {
    const written: string[] = [];
    const table = new LiveTable({ isTTY, columns: 200, write: (text) => written.push(text) });
    return { table, written };
  }

  it("is redrawn in place on a terminal, and only when something changed", () => {
    const { table, written } = screen(true);
    table.show([row]);
    table.show([row]);
    expect(written).toHaveLength(1);
    table.show([{ ...row, state: "Waiting" }]);
    expect(written[1]?.startsWith("\u001B[2A\u001B[0JBATCH")).toBe(true);
    table.settle();
    table.show([row]);
    expect(written[2]).toMatch(/^BATCH/);
  });

  it("is a line for each change elsewhere", () => {
    const { table, written } = screen(false);
    table.show([row]);
    table.show([row]);
    table.show([{ ...row, state: "Waiting" }]);
    const line = "acme/d005: bound 2/2, provisioned 2/2, clouds aws-eu, azure-hub (Pending)";
    expect(written).toEqual([`${line}, Ready\n`, `${line}, Waiting\n`]);
  });
});
