import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import { ApiError } from "../runtime/api-error.ts";
import { LEAVING, PENDING, PROVISIONED, REMOVED } from "./ledger/states.ts";
import type { PlacementSpec } from "./placement-spec.ts";
import { Rig } from "./testing/rig.ts";

const KEY = "d001/0123456789";
const LEDGER = "d001.0123456789.0";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(12, { batchId: "D001" });
});

function csv(count: number): string {
  return manifestCsv(devices.slice(0, count), { batchId: "D001" });
}

async function provisioned(rig: Rig, count: number, more: Partial<PlacementSpec> = {}) {
  const spec = await rig.reel("D001", csv(count), more);
  rig.ferry.declare(spec);
  await rig.ended(spec, 60_000);
  const out: PlacementSpec = { ...spec, direction: "out" };
  return { spec, out };
}

/** Declares again and again, as a controller does, until the ledger is gone. */
async function takenOut(rig: Rig, out: PlacementSpec, ms = 600_000): Promise<void> {
  const end = rig.clock.now() + ms;
  while (rig.ledgers.get(LEDGER) !== undefined || rig.ferry.progress(KEY)?.running === true) {
    if (rig.clock.now() > end) throw new Error(`not out: ${rig.states(out).join(" ")}`);
    rig.ferry.declare(out);
    await rig.pass(1_000);
  }
}

describe("taking devices out", () => {
  it("takes out every device, then forgets the ledger", async () => {
    await using rig = await Rig.open();
    const { out } = await provisioned(rig, 12);
    expect(rig.cloud.devices.size).toBe(12);
    rig.ferry.declare(out);
    await rig.ended(out, 60_000);
    expect(rig.cloud.devices.size).toBe(0);
    expect(rig.ledgers.list()).toEqual([]);
    expect(rig.ferry.progress(KEY)).toBeUndefined();
  });

  it("writes down what is out while the rest is not", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 2_000 } });
    const { out } = await provisioned(rig, 4, { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(out);
    await rig.until(() => rig.states(out).includes(REMOVED), 60_000);
    const { counts } = rig.ledgers.get(LEDGER)?.spec ?? {};
    expect(counts?.removed).toBeGreaterThan(0);
    expect((counts?.leaving ?? 0) + (counts?.removed ?? 0)).toBe(4);
    await takenOut(rig, out);
    expect(rig.cloud.devices.size).toBe(0);
  });

  it("calls nobody provisioned once somebody may be out, whatever becomes of the answer and of the wish", async () => {
    await using rig = await Rig.open();
    const { spec, out } = await provisioned(rig, 3);
    rig.cloud.manners = { loseAnswers: true };
    rig.ferry.declare(out);
    await rig.until(() => rig.cloud.devices.size === 0, 60_000);
    // Now a person sets Retain: the answer is never noted.
    rig.ferry.withdraw(KEY);
    await rig.pass(60_000);
    expect(rig.states(spec)).toEqual([LEAVING, LEAVING, LEAVING]);
    rig.cloud.manners = { latencyMs: 20 };
    await rig.settleDown(() => rig.ferry.declare(spec), spec, 120_000);
    expect(rig.states(spec)).toEqual([PROVISIONED, PROVISIONED, PROVISIONED]);
    expect(rig.cloud.devices.size).toBe(3);
  });

  it("takes out what was never answered for, since it may be in", async () => {
    await using rig = await Rig.open({ manners: { loseAnswers: true } });
    const spec = await rig.reel("D001", csv(3));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size === 3, 60_000);
    expect(rig.states(spec)).toEqual([PENDING, PENDING, PENDING]);
    rig.cloud.manners = { latencyMs: 20 };
    await takenOut(rig, { ...spec, direction: "out" });
    expect(rig.cloud.devices.size).toBe(0);
  });

  it("begins only when what is on its way in has arrived", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 5_000 } });
    const spec = await rig.reel("D001", csv(3));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.inFlight > 0, 60_000);
    await takenOut(rig, { ...spec, direction: "out" });
    const actions = rig.cloud.requests.map(({ action }) => action);
    expect(actions.lastIndexOf("provision")).toBeLessThan(actions.indexOf("deprovision"));
    expect(rig.cloud.devices.size).toBe(0);
  });

  it("does nothing and writes nothing where no ledger is", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(2), { direction: "out" });
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    expect(rig.cloud.requests).toEqual([]);
    expect(rig.ledgers.writes).toEqual([]);
  });

  it("sends nothing on a lease that was not renewed, and says so", async () => {
    await using rig = await Rig.open();
    const { out } = await provisioned(rig, 3);
    rig.mayAct = false;
    rig.ferry.declare(out);
    await rig.pass(30_000);
    expect(rig.cloud.devices.size).toBe(3);
    expect(rig.ferry.progress(KEY)).toMatchObject({
      running: true,
      direction: "out",
      hindrance: { reason: "LeaseNotRenewed" },
    });
    rig.mayAct = true;
    await takenOut(rig, out);
    expect(rig.cloud.devices.size).toBe(0);
  });

  it("lets nobody in on such a lease either: they may have been taken out by another", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(3));
    rig.mayAct = false;
    rig.ferry.declare(spec);
    await rig.pass(30_000);
    expect(rig.cloud.requests).toEqual([]);
    expect(rig.ferry.progress(KEY)).toMatchObject({
      running: true,
      hindrance: { reason: "LeaseNotRenewed" },
    });
    rig.mayAct = true;
    await rig.ended(spec, 60_000);
    expect(rig.cloud.devices.size).toBe(3);
  });

  it("counts no device as out that the cloud refuses to take out, however often", async () => {
    await using rig = await Rig.open();
    const { spec, out } = await provisioned(rig, 3);
    const [first] = devices;
    const refs = new Set([first?.deviceId ?? ""]);
    rig.cloud.manners = { latencyMs: 20, refuse: { refs, message: "the door is stuck" } };
    rig.ferry.declare(out);
    await rig.pass(30 * 60_000);
    expect(rig.states(spec)).toEqual([LEAVING, REMOVED, REMOVED]);
    expect(rig.ferry.progress(KEY)?.hindrance).toMatchObject({
      reason: "CloudRefused",
      message: "the door is stuck",
    });
    rig.cloud.manners = { latencyMs: 20 };
    await takenOut(rig, out);
    expect(rig.cloud.devices.size).toBe(0);
  });

  it("lets devices in again when their cloud is wanted once more, half-way", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 1_000 } });
    const { spec, out } = await provisioned(rig, 6, { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(out);
    await rig.until(() => rig.states(out).includes(REMOVED), 60_000);
    rig.cloud.manners = { latencyMs: 20 };
    await rig.settleDown(() => rig.ferry.declare(spec), spec, 120_000);
    expect(rig.states(spec)).toEqual(Array(6).fill(PROVISIONED));
    expect(rig.cloud.devices.size).toBe(6);
  });
});

it("whatever fails and dies meanwhile, in the end every device is out and nothing is forgotten before", async () => {
  const step = fc.constantFrom("throttled", "lost", "down", "api", "conflict", "crash", "lease", "turn");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      await using rig = await Rig.open({ manners: { latencyMs: 200 } });
      const limits = { maxDevicesPerRequest: 2, maxInFlight: 2 };
      const { spec, out } = await provisioned(rig, 8, { limits });
      for (const each of steps) {
        if (each === "throttled") rig.cloud.manners = { latencyMs: 200, devicesPerSecond: 1 };
        if (each === "lost") rig.cloud.manners = { latencyMs: 200, loseAnswers: true };
        if (each === "down") rig.cloud.manners = { latencyMs: 200, throttle: { retryAfterMs: 2_000 } };
        if (each === "lease") rig.mayAct = false;
        if (each === "conflict" && rig.ledgers.get(LEDGER) !== undefined) rig.ledgers.meddle(LEDGER);
        if (each === "api") {
          rig.ledgers.beforeWrite = () => {
            throw new ApiError("the API server is away", { status: 503, reason: "ServiceUnavailable" });
          };
        }
        if (each === "crash") {
          const dead = rig.ferry.close(0);
          await rig.clock.advance(1);
          await dead;
          rig.ferry = rig.newFerry();
        }
        rig.ferry.declare(each === "turn" ? spec : out);
        await rig.pass(700);
        // What is in the cloud is known to the ledger at every moment: it is never gone before the devices are.
        expect(rig.cloud.devices.size === 0 || rig.ledgers.get(LEDGER) !== undefined).toBe(true);
        rig.cloud.manners = { latencyMs: 200 };
        rig.mayAct = true;
        rig.ledgers.beforeWrite = () => undefined;
      }
      await takenOut(rig, out);
      expect(rig.cloud.devices.size).toBe(0);
      expect(rig.ledgers.list()).toEqual([]);
    }),
    { numRuns: 40 },
  );
}, 120_000);
