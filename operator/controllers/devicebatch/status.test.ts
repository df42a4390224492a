import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeviceBatch, ProvisioningLedger, ReelBinding } from "../../../crds/index.ts";
import { API_VERSION } from "../../../crds/index.ts";
import { encodeStates, LEDGER_FORMAT } from "../../provisioning/ledger/format.ts";
import { countStates, failed, PENDING, PROVISIONED, QUARANTINED } from "../../provisioning/ledger/states.ts";
import type { CloudView } from "./cloud-progress.ts";
import { boundStatus, type BoundView } from "./status.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const SHA = "b".repeat(64);

const batch: DeviceBatch = {
  apiVersion: API_VERSION,
  kind: "DeviceBatch",
  metadata: { name: "b", namespace: "acme", generation: 3 },
  spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" },
};

function binding(records: number, devices: number): ReelBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ReelBinding",
    metadata: { name: "d001" },
    spec: {
      account: "acme",
      batchId: "D001",
      batch: "b",
      boundAt: "2026-03-01T11:00:00Z",
      evaluatedAt: "2026-03-01T11:00:00Z",
      manifestSha256: SHA,
      devices,
      records,
    },
  };
}

function ledger(states: readonly number[], request?: string): ProvisioningLedger {
  const bytes = Uint8Array.from(states);
  return {
    apiVersion: API_VERSION,
    kind: "ProvisioningLedger",
    metadata: { name: "d001.x.0" },
    spec: {
      reel: "d001",
      account: "acme",
      target: { key: "Other/x", type: "Other", cloudApi: "x" },
      manifestSha256: SHA,
      chunk: { index: 0, first: 0, devices: states.length },
      ...(request === undefined ? {} : { request }),
      format: LEDGER_FORMAT,
      data: encodeStates(bytes),
      counts: countStates(bytes),
      provisionedAt: "2026-03-01T11:30:00.123Z",
    },
  };
}

function cloud(
  name: string,
  states: readonly number[] | undefined,
  more: Partial<CloudView> = {},
): CloudView {
  return {
    name,
    link: undefined,
    obstacle: undefined,
    ledgers: states === undefined ? [] : [ledger(states)],
    progress: undefined,
    ...more,
  };
}

function view(
  clouds: readonly CloudView[],
  records: number,
  devices: number,
  more: Partial<BoundView> = {},
): BoundView {
  return {
    batch,
    binding: binding(records, devices),
    choice: { kind: "clouds", names: clouds.map(({ name }) => name) },
    clouds,
    departures: [],
    request: undefined,
    ...more,
  };
}

function ready(status: ReturnType<typeof boundStatus>): string {
  const condition = status.conditions?.find(({ type }) => type === "Ready");
  return `${condition?.status} ${condition?.reason}`;
}

describe("boundStatus", () => {
  it("is ready when every device is in every cloud, refused entries apart", () => {
    const done = [PROVISIONED, QUARANTINED, PROVISIONED];
    const status = boundStatus(view([cloud("a", done), cloud("b", done)], 3, 2), NOW);
    expect(ready(status)).toBe("True Provisioned");
    expect(status).toMatchObject({
      boundDevices: 2,
      provisionedDevices: 2,
      failedDevices: 0,
      provisionedAt: "2026-03-01T11:30:00Z",
    });
  });

  it("counts a device as provisioned only when it is in every declared cloud", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }).chain((n) =>
          fc.array(
            fc.array(fc.constantFrom(PENDING, PROVISIONED, failed("Unknown")), {
              minLength: n,
              maxLength: n,
            }),
            {
              minLength: 1,
              maxLength: 3,
            },
          ),
        ),
        (clouds) => {
          const n = clouds[0]?.length ?? 0;
          const status = boundStatus(
            view(
              clouds.map((states, i) => cloud(`c${i}`, states)),
              n,
              n,
            ),
            NOW,
          );
          const at = [...Array(n).keys()];
          expect(status.provisionedDevices).toBe(
            at.filter((i) => clouds.every((states) => states[i] === PROVISIONED)).length,
          );
          expect(status.failedDevices).toBe(
            at.filter((i) => clouds.some((states) => states[i] === failed("Unknown"))).length,
          );
        },
      ),
    );
  });

  it("is not ready while a request to provision again is not handled", () => {
    const before = view([cloud("a", [PROVISIONED])], 1, 1, { request: "again" });
    expect(ready(boundStatus(before, NOW))).toBe("Unknown Provisioning");
    const after = view([cloud("a", undefined, { ledgers: [ledger([PROVISIONED], "again")] })], 1, 1, {
      request: "again",
    });
    expect(ready(boundStatus(after, NOW))).toBe("True Provisioned");
  });

  it("says which cloud is blocked, why, and when it is tried next, while the others go on", () => {
    const hindrance = {
      reason: "Timeout",
      message: "no answer within 29 s",
      nextTryAt: NOW.getTime() + 30_000,
      since: NOW.getTime() - 30_000,
    };
    const progress = {
      running: true,
      direction: "in" as const,
      hindrance,
      devicesPerSecond: 0,
      failures: [],
    };
    const status = boundStatus(
      view([cloud("a", [PROVISIONED]), cloud("b", [PENDING], { progress })], 1, 1),
      NOW,
    );
    expect(ready(status)).toBe("False CloudBlocked");
    expect(status.clouds?.map(({ state }) => state)).toEqual(["Provisioned", "Blocked"]);
    expect(status.clouds?.[1]?.message).toEqual(
      expect.stringMatching(
        /^Timeout: no answer within 29 s; next try at 2026-03-01T12:00:30Z\. Whose matter: /,
      ),
    );
  });

  it("does not turn its verdict for a fault that may pass, until it has lasted", () => {
    const suffering = (reason: string, ageMs: number): string => {
      const hindrance = { reason, message: "because", since: NOW.getTime() - ageMs };
      const progress = {
        running: true,
        direction: "in" as const,
        hindrance,
        devicesPerSecond: 0,
        failures: [],
      };
      const status = boundStatus(view([cloud("a", [PENDING], { progress })], 1, 1), NOW);
      expect(status.clouds?.[0]?.message).toMatch(`${reason}: because`);
      return ready(status);
    };
    expect(suffering("ServerError", 9_999)).toBe("Unknown Provisioning");
    expect(suffering("ServerError", 10_000)).toBe("False CloudBlocked");
    expect(suffering("Unauthorized", 0)).toBe("False CloudBlocked");
    expect(suffering("CloudBusy", 60_000)).toBe("Unknown Provisioning");
  });

  it("needs a person when devices were refused, and lists them with their reasons", () => {
    const failures = [
      {
        device: "dev-1",
        reason: "SerialCollision",
        message: "twice",
      },
    ];
    const progress = {
      running: false,
      direction: "in" as const,
      hindrance: undefined,
      devicesPerSecond: 0,
      failures,
    };
    const status = boundStatus(
      view([cloud("a", [PROVISIONED, failed("SerialCollision")], { progress })], 2, 2),
      NOW,
    );
    expect(ready(status)).toBe("False DevicesFailed");
    expect(status.conditions?.map(({ type }) => type)).toContain("Stalled");
    expect(status.failures).toEqual([
      {
        device: "dev-1",
        cloud: "a",
        reason: "SerialCollision",
        message: expect.stringMatching(/^twice\. Whose matter: vendor/),
      },
    ]);
  });

  it("counts a ledger that cannot be read as nothing provisioned, and says which one", () => {
    const damaged = { ...ledger([PROVISIONED, PENDING]), metadata: { name: "d001.y.0" } };
    const broken = { ...damaged, spec: { ...damaged.spec, data: "AAAA" } };
    const status = boundStatus(
      view([cloud("a", [PROVISIONED, PENDING]), cloud("b", undefined, { ledgers: [broken] })], 2, 2),
      NOW,
    );
    expect(ready(status)).toBe("False CloudBlocked");
    expect(status.provisionedDevices).toBe(0);
    expect(status.clouds?.map(({ state }) => state)).toEqual(["Provisioning", "Blocked"]);
    expect(status.clouds?.[1]?.message).toMatch(/^LedgerUnreadable: ledger d001\.y\.0: /);
  });

  it("says when a cloud had every device only if it has every device", () => {
    const refused = boundStatus(view([cloud("a", [PROVISIONED, failed("Unknown")])], 2, 2), NOW);
    expect(refused.clouds?.[0]).not.toHaveProperty("provisionedAt");
    expect(refused).not.toHaveProperty("provisionedAt");
    const done = boundStatus(view([cloud("a", [PROVISIONED, PROVISIONED])], 2, 2), NOW);
    expect(done.clouds?.[0]).toMatchObject({ provisionedAt: "2026-03-01T11:30:00Z" });
  });

  it("is ready when a manual batch is bound only", () => {
    expect(ready(boundStatus(view([], 1, 1, { choice: { kind: "boundOnly" } }), NOW))).toBe("True BoundOnly");
  });

  it("keeps its own word when computed again from itself", () => {
    const first = boundStatus(view([cloud("a", [PROVISIONED])], 1, 1), NOW);
    const later = new Date(NOW.getTime() + 3_600_000);
    const again = boundStatus(
      view([cloud("a", [PROVISIONED])], 1, 1, { batch: { ...batch, status: first } }),
      later,
    );
    expect(again).toEqual(first);
  });
});
