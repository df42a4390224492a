import { describe, expect, it } from "vitest";
import type { CloudApi, DeviceBatch, Reel, ReelBinding } from "../../crds/index.ts";
import { API_VERSION } from "../../crds/index.ts";
import { INTEROP_ERROR_REASONS } from "../../interop/caller/errors.ts";
import { MANIFEST_ERROR_REASONS } from "../manifests/index.ts";
import { FAILURE_REASONS } from "../provisioning/ledger/states.ts";
import { encodeStates, LEDGER_FORMAT } from "../provisioning/ledger/format.ts";
import { countStates, failed, PENDING, PROVISIONED } from "../provisioning/ledger/states.ts";
import type { PlacementProgress } from "../provisioning/placement-spec.ts";
import { type HindranceReason, PENDING_REASONS, PLACEMENT_REASONS } from "../provisioning/reasons.ts";
import { findCondition } from "../runtime/conditions.ts";
import { cloudApiStatus } from "./cloudapi/status.ts";
import { planBinding } from "./devicebatch/binding-plan.ts";
import { type CloudView, explain } from "./devicebatch/cloud-progress.ts";
import { type CloudChoice, planClouds } from "./devicebatch/cloud-plan.ts";
import { boundStatus } from "./devicebatch/status.ts";
import { CLOUD_API_REASONS, type CloudApiReason, OBSTACLE_REASONS, type ReelReason } from "./reasons.ts";
import { REMEDIES, withRemedy } from "./remedies.ts";
import { reelStatus } from "./reel/status.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const NEXT = NOW.getTime() + 90_000;
const AT_NEXT = "next try at 2026-03-01T12:01:30Z";
const WHY = "what the fault itself says of it";

const batch = {
  apiVersion: API_VERSION,
  kind: "DeviceBatch",
  metadata: { name: "b", namespace: "acme", generation: 1 },
  spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" },
} as DeviceBatch;
const binding = {
  spec: {
    account: "acme",
    batchId: "D001",
    batch: "b",
    boundAt: "2026-03-01T11:00:00Z",
    devices: 2,
    records: 2,
  },
} as ReelBinding;
const reel = { metadata: { name: "d001", generation: 1 }, spec: { batchId: "D001", manifest: {} } } as Reel;
const api = { metadata: { name: "c", namespace: "acme", generation: 1 }, spec: { type: "AWS" } } as CloudApi;

/** The status of a batch into one cloud, of whose two devices one is in. */
function statusOf(cloud: Partial<CloudView>, other = PENDING, choice?: CloudChoice) {
  const states = Uint8Array.of(PROVISIONED, other);
  const spec = {
    chunk: { index: 0, first: 0, devices: 2 },
    format: LEDGER_FORMAT,
    data: encodeStates(states),
    counts: countStates(states),
  };
  const view = { name: "c", link: undefined, obstacle: undefined, progress: undefined, ...cloud };
  const clouds = [{ ...view, ledgers: [{ spec }] }] as unknown as CloudView[];
  return boundStatus(
    {
      batch,
      binding,
      choice: choice ?? { kind: "clouds", names: ["c"] },
      clouds: choice === undefined ? clouds : [],
      departures: [],
      request: undefined,
    },
    NOW,
  );
}

function progress(reason: HindranceReason, more: Partial<PlacementProgress> = {}): PlacementProgress {
  const hindrance = { reason, message: WHY, since: NOW.getTime() - 60_000, nextTryAt: NEXT };
  return { running: true, direction: "in", devicesPerSecond: 0, failures: [], hindrance, ...more };
}

/** What a text does not say of why, whose matter it is, what to do, and when it is tried next (where that is planned). */
function lacking(text: string | undefined, reason: string, when = ""): string[] {
  const { whose = "", todo = "" } = REMEDIES[reason] ?? {};
  const matter = whose === "nobody" ? "" : `Whose matter: ${whose}`;
  return [WHY, `What to do: ${todo}`, matter, when].filter((part) => text?.includes(part) !== true);
}

const readyOf = ({ conditions }: { conditions?: Parameters<typeof findCondition>[0] }) =>
  findCondition(conditions, "Ready");

describe("why, whose matter, when, and what to do", () => {
  const obstacles = OBSTACLE_REASONS.filter((reason) => reason !== "Connected");

  it.each(obstacles)(
    "stand in the line of a cloud that cannot be called (%s), and in its batch",
    (reason) => {
      const obstacle = { state: "Blocked", reason, message: WHY, nextTryAt: NEXT } as const;
      const status = statusOf({ obstacle });
      expect(lacking(status.clouds?.[0]?.message, reason, AT_NEXT)).toEqual([]);
      expect(lacking(readyOf(status)?.message, reason, AT_NEXT)).toEqual([]);
    },
  );

  const hindrances = [
    ...PENDING_REASONS,
    ...PLACEMENT_REASONS,
    ...INTEROP_ERROR_REASONS,
    ...MANIFEST_ERROR_REASONS,
  ];

  it.each(hindrances)("stand in the line of a cloud in which a placement is held up (%s)", (reason) => {
    expect(lacking(statusOf({ progress: progress(reason) }).clouds?.[0]?.message, reason, AT_NEXT)).toEqual(
      [],
    );
  });

  it.each(FAILURE_REASONS)("stand beside a device that was refused (%s)", (reason) => {
    const failures = [{ device: "d", reason, message: WHY }];
    const status = statusOf({ progress: progress("CloudBusy", { failures }) }, failed(reason));
    expect(lacking(status.failures?.[0]?.message, reason)).toEqual([]);
    expect(readyOf(status)?.message).toMatch(/status\.failures.*Mend what the reasons say, then annotate/);
  });

  const faults = CLOUD_API_REASONS.filter(
    (reason) => !(["Connected", "Suspended", "StillInUse"] as CloudApiReason[]).includes(reason),
  );

  it.each(faults)("stand in a CloudApi whose cloud cannot be called (%s)", (reason) => {
    const probe = { passed: false, reason, message: WHY, transient: true } as const;
    const view = { api, endpoint: "https://c", probe, devicesProvisioned: 0, otherDefaults: [] };
    expect(
      lacking(readyOf(cloudApiStatus(view, NOW))?.message, reason, "asked again within a minute"),
    ).toEqual([]);
  });

  it.each<ReelReason>([...MANIFEST_ERROR_REASONS, "NoUsableDevices", "InternalError"])(
    "stand in a Reel whose manifest cannot be used (%s), and in a batch that waits for it",
    (reason) => {
      const inspection = { state: "failed", reason, message: WHY, retryAt: NEXT } as const;
      expect(
        lacking(readyOf(reelStatus({ reel, binding: undefined, inspection }, NOW))?.message, reason, AT_NEXT),
      ).toEqual([]);
      const view = { batch, reel, binding: undefined, holderExists: false, rivals: [batch], inspection };
      const step = planBinding(view);
      const its = "message" in step ? step.message : "";
      // Which slot is wanted is the batch's own affair.
      const parts =
        reason === "SlotNotFound"
          ? [WHY, "Whose matter: account"]
          : [
              `${reason}: ${WHY}; ${AT_NEXT}`,
              "who keeps the reels has mended that, the reel is bound by itself",
            ];
      expect(parts.filter((part) => !its.includes(part))).toEqual([]);
    },
  );

  it("stand in a batch for which no cloud is chosen, and in one that somebody suspended", () => {
    const both = ["a", "b"].map((name) => ({ metadata: { name }, spec: { default: true } }) as CloudApi);
    for (const apis of [[], both]) {
      const told = readyOf(statusOf({}, PENDING, planClouds(batch, binding, apis)))?.message;
      expect(told).toMatch(/spec\.default on .*, or name (?:one|a CloudApi) in spec\.cloudApis/);
    }
    const suspended = { state: "Suspended", reason: "Suspended", message: WHY } as const;
    expect(readyOf(statusOf({ obstacle: suspended }))?.message).toMatch(
      /1 of 2 devices .* is suspended\. Whose matter: account\. What to do: set spec\.suspend to false/,
    );
  });

  it("say until when, where everything goes well", () => {
    const going = { ...progress("CloudBusy"), hindrance: undefined, devicesPerSecond: 0.5 };
    const status = statusOf({ progress: going });
    expect(readyOf(status)).toMatchObject({ status: "Unknown", reason: "Provisioning" });
    expect(readyOf(status)?.message).toBe(
      "1 of 2 devices are in every declared cloud; the last is expected to be in by 2026-03-01T12:00:02Z",
    );
  });
});

describe("what to do", () => {
  it("is said once, however often a message passes through", () => {
    const once = withRemedy("Timeout", "no answer.");
    expect(once).toBe(
      "no answer. Whose matter: cloud, network. What to do: tried again by itself, with smaller requests. If it lasts, see the cloud's log, and the way there",
    );
    expect(withRemedy("ConnectionRefused", "is it running?")).toMatch(/^is it running\? Whose matter: cloud/);
    expect(withRemedy("Timeout", once)).toBe(once);
    expect(explain({ reason: "Timeout", message: once }, NOW)).toBe(`Timeout: ${once}`);
  });

  it("is not said where nothing is to be done, nor of reasons of another version", () => {
    expect(withRemedy("Provisioned", "done")).toBe("done");
    expect(withRemedy("FromTheFuture", "done")).toBe("done");
  });

  it("is something a person can do, or to wait, wherever anything is wrong", () => {
    const idle = Object.entries(REMEDIES).filter(
      ([, { whose, todo }]) => whose !== "nobody" && /^nothing|^$/.test(todo),
    );
    expect(idle).toEqual([]);
  });
});
