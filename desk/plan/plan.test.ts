import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  type CloudApi,
  type CloudProgress,
  type DeviceBatch,
  type DeviceBatchInput,
  type Reel,
} from "../../crds/index.ts";
import { newBatch } from "../new-batch.ts";
import { newReel } from "../reels/new-reel.ts";
import { planBatches, planTargets, type PlanView } from "./plan.ts";

const AT = "2026-11-26T12:00:00Z";

function condition(type: string, status: "True" | "False", reason: string) {
  return { type, status, reason, message: `it is ${reason}`, lastTransitionTime: AT };
}

function reel(batchId: string, devices: number, phase: "Available" | "Bound" = "Available"): Reel {
  const status = { phase, devices, conditions: [condition("Ready", "True", phase)] };
  return { ...newReel(batchId, { file: { path: "x" } }), status };
}

function aws(name: string, more: Partial<CloudApi["spec"]> = {}, ready: "True" | "False" = "True"): CloudApi {
  return {
    apiVersion: API_VERSION,
    kind: "CloudApi",
    metadata: { namespace: "acme", name },
    spec: {
      type: "AWS",
      aws: { accountId: "123456789012", apiGatewayId: "a1", region: "eu-west-1", stage: "Prod" },
      ...more,
    },
    status: { conditions: [condition("Ready", ready, ready === "True" ? "Connected" : "Timeout")] },
  };
}

function batch(batchId: string, cloudApis: string[] = [], name?: string): DeviceBatchInput {
  return newBatch({ namespace: "acme", batchId, name, cloudApis, addedFrom: "CLI" });
}

function bound(input: DeviceBatchInput, devices: number, provisioned: number): DeviceBatch {
  return {
    ...input,
    metadata: { ...input.metadata, generation: 1 },
    spec: { ...input.spec, provisioning: "Automatic", deletionPolicy: "Retain" },
    status: {
      observedGeneration: 1,
      boundDevices: devices,
      clouds: [{ name: "eu", state: "Provisioning", provisioned }],
      conditions: [condition("Bound", "True", "Bound"), condition("Ready", "False", "Provisioning")],
    },
  };
}

function view(more: Partial<PlanView>): PlanView {
  return { reels: [], cloudApis: [], batches: [], rates: new Map(), ...more };
}

describe("a plan", () => {
  it("adds up what goes to one cloud by several CloudApis, at its lowest known rate", () => {
    const seen = view({
      reels: [reel("D1", 1200), reel("D2", 600)],
      cloudApis: [aws("eu", { default: true }), aws("eu-too", { limits: { devicesPerSecond: 5 } })],
    });
    const batches = planBatches([batch("D1"), batch("D2", ["eu", "eu-too"])], seen);
    expect(batches.map(({ step, devices, clouds }) => [step, devices, clouds])).toEqual([
      ["bind", 1200, [{ cloud: "eu", toSend: 1200 }]],
      [
        "bind",
        600,
        [
          { cloud: "eu", toSend: 600 },
          { cloud: "eu-too", toSend: 600 },
        ],
      ],
    ]);
    expect(planTargets(batches, seen)).toEqual([
      {
        target: "AWS/123456789012/eu-west-1",
        clouds: ["acme/eu", "acme/eu-too"],
        devices: 2400,
        others: 0,
        open: false,
        perSecond: 5,
        basis: "spec.limits of the CloudApi",
        seconds: 480,
      },
    ]);
    const [told] = planTargets(batches, { ...seen, rates: new Map([["eu", 100]]) });
    // What a person expects of a cloud lifts no limit of theirs.
    expect([told?.perSecond, told?.seconds]).toEqual([5, 480]);
    const [slow] = planTargets(batches, { ...seen, rates: new Map([["eu", 4]]) });
    expect([slow?.perSecond, slow?.basis]).toEqual([4, "as --rate says"]);
  });

  it("takes a cloud's present pace as far as its limit goes, of that cloud alone", () => {
    const moving = bound(batch("D0", ["eu"]), 100, 40);
    const pace = (devicesPerSecond: number, cloud = "eu"): DeviceBatch => ({
      ...moving,
      status: { ...moving.status, clouds: [{ name: cloud, state: "Provisioning", devicesPerSecond }] },
    });
    const perSecond = (limit: number, there: DeviceBatch, more: CloudApi[] = []): number | undefined => {
      const seen = view({
        reels: [reel("D1", 100)],
        cloudApis: [aws("eu", { limits: { devicesPerSecond: limit } }), ...more],
        batches: [there],
      });
      return planTargets(planBatches([batch("D1", ["eu"])], seen), seen)[0]?.perSecond;
    };
    expect(perSecond(40, pace(25))).toBe(25);
    expect(perSecond(15, pace(25))).toBe(15);
    // A cloud of that name in another account is another cloud.
    const elsewhere = pace(25);
    const theirs = { ...elsewhere, metadata: { ...elsewhere.metadata, namespace: "globex" } };
    expect(perSecond(40, theirs)).toBe(10);
  });

  it("counts what other batches are sending to the same cloud already, and the pace of all of them", () => {
    const sending = (
      batchId: string,
      cloud: Pick<CloudProgress, "name" | "state" | "pending" | "devicesPerSecond">,
    ): DeviceBatch => {
      const there = bound(batch(batchId, [cloud.name]), 1000, 0);
      return { ...there, status: { ...there.status, clouds: [cloud] } };
    };
    const seen = view({
      reels: [reel("D1", 300)],
      cloudApis: [
        aws("eu"),
        aws("eu-too"),
        aws("us", {
          aws: { accountId: "123456789012", apiGatewayId: "a1", region: "us-east-1", stage: "Prod" },
        }),
      ],
      batches: [
        // Planned anew: its devices are counted by the plan.
        sending("D2", { name: "eu", state: "Provisioning", pending: 200, devicesPerSecond: 4 }),
        sending("D3", { name: "eu", state: "Provisioning", pending: 600, devicesPerSecond: 4 }),
        sending("D4", { name: "eu-too", state: "Provisioning", pending: 300, devicesPerSecond: 2 }),
        sending("D5", { name: "us", state: "Provisioning", pending: 5000, devicesPerSecond: 50 }),
        sending("D6", { name: "eu", state: "Suspended", pending: 5000 }),
      ],
    });
    const again = seen.batches[0];
    const wanted = again === undefined ? [] : [batch("D1", ["eu"]), again];
    const [target] = planTargets(planBatches(wanted, seen), seen);
    expect(target).toMatchObject({ devices: 1300, others: 900, perSecond: 10, seconds: 220 });
    const [told] = planTargets(planBatches(wanted, seen), { ...seen, rates: new Map([["eu", 100]]) });
    expect(told?.seconds).toBe(22);
  });

  it("leaves a reel to the next batch, when the one before may not have it", () => {
    const mine = { ...reel("D1", 3), spec: { ...reel("D1", 3).spec, reservedFor: { namespace: "acme" } } };
    const theirs = newBatch({ namespace: "globex", batchId: "D1", cloudApis: [], addedFrom: "CLI" });
    const plans = planBatches([theirs, batch("D1")], view({ reels: [mine] }));
    expect(plans.map(({ step, reason }) => [step, reason])).toEqual([
      ["refuse", "Reserved"],
      ["bind", undefined],
    ]);
  });

  it("counts what is still to be sent of a batch that is there", () => {
    const there = bound(batch("D1", ["eu"]), 100, 40);
    const seen = view({ reels: [reel("D1", 100, "Bound")], cloudApis: [aws("eu")], batches: [there] });
    expect(planBatches([batch("D1", ["eu"])], seen)).toMatchObject([
      { step: "bound", devices: 100, clouds: [{ cloud: "eu", toSend: 60 }] },
    ]);
  });

  it.each<[string, DeviceBatchInput[], Partial<PlanView>, string, string]>([
    ["a reel that is taken", [batch("D1")], { reels: [reel("D1", 1, "Bound")] }, "refuse", "AlreadyBound"],
    [
      "a reel of somebody else's",
      [batch("D1")],
      { reels: [{ ...reel("D1", 1), spec: { ...reel("D1", 1).spec, reservedFor: { namespace: "other" } } }] },
      "refuse",
      "Reserved",
    ],
    ["a reel that is not there", [batch("D1")], {}, "wait", "ReelNotFound"],
    [
      "a reel that is not read yet",
      [batch("D1")],
      { reels: [newReel("D1", { file: { path: "x" } })] },
      "wait",
      "ReadingManifest",
    ],
    [
      "the second of two batches for one reel",
      [batch("D1", [], "one"), batch("d1", [], "two")],
      { reels: [reel("D1", 1)] },
      "refuse",
      "AlreadyBound",
    ],
  ])("says what becomes of %s", (_what, wanted, more, step, reason) => {
    expect(planBatches(wanted, view(more)).at(-1)).toMatchObject({ step, reason });
  });

  it("says of each cloud why nothing could be sent to it", () => {
    const seen = view({
      reels: [reel("D1", 3)],
      cloudApis: [aws("off", { suspend: true }), aws("down", {}, "False")],
    });
    const [plan] = planBatches([batch("D1", ["off", "down", "gone"])], seen);
    expect(plan?.clouds.map(({ blocked }) => blocked?.split(":")[0])).toEqual([
      "Suspended",
      "Timeout",
      "CloudApiNotFound",
    ]);
    const [none] = planBatches([batch("D1")], seen);
    expect(none?.clouds[0]?.blocked).toMatch(/^NoDefaultCloudApi/);
  });
});
