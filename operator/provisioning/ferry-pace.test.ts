import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import { countStates, failed, PENDING, PROVISIONED } from "./ledger/states.ts";
import type { PlacementSpec } from "./placement-spec.ts";
import { Rig } from "./testing/rig.ts";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(400, { batchId: "D001" });
});

function csv(count: number): string {
  return manifestCsv(devices.slice(0, count), { batchId: "D001" });
}

/** Whoever is asked for. */
function everyone(): ReadonlySet<string> {
  const all = new Set<string>();
  all.has = () => true;
  return all;
}

/** Every `step`-th of the first `count` devices. */
function everyNth(count: number, step: number): Set<string> {
  return new Set(devices.slice(0, count).flatMap(({ deviceId }, at) => (at % step === 0 ? [deviceId] : [])));
}

function counts(rig: Rig, spec: PlacementSpec) {
  return countStates(Uint8Array.from(rig.states(spec)));
}

describe("a ferry and a cloud that hides in a 200 that it throttles", () => {
  it.each([
    { rate: 2, count: 80, latencyMs: 20 },
    { rate: 10, count: 400, latencyMs: 20 },
    { rate: 10, count: 400, latencyMs: 300 },
    { rate: 50, count: 400, latencyMs: 50 },
    { rate: 200, count: 400, latencyMs: 50 },
  ])(
    "gets $count devices in at $rate a second, and takes none for refused",
    async ({ rate, count, latencyMs }) => {
      await using rig = await Rig.open({ manners: { devicesPerSecond: rate, latencyMs } });
      const spec = await rig.reel("D001", csv(count));
      rig.ferry.declare(spec);
      const ms = await rig.ended(spec, 600_000);
      expect(counts(rig, spec)).toEqual({
        provisioned: count,
        failed: 0,
        pending: 0,
        quarantined: 0,
        leaving: 0,
        removed: 0,
      });
      const best = ((count - rate) / rate) * 1_000;
      expect(ms).toBeLessThan(Math.max(best * 2, 2_000));
      const sent = rig.cloud.requests.reduce((sum, { refs }) => sum + refs.length, 0);
      expect(sent).toBeLessThan(count * 2.2);
    },
  );

  it("waits out a cloud that lets nothing in for minutes, and takes no device for refused", async () => {
    await using rig = await Rig.open({ manners: { devicesPerSecond: 0 } });
    const spec = await rig.reel("D001", csv(300));
    rig.ferry.declare(spec);
    rig.cloud.exhaust();
    const start = rig.clock.now();
    await rig.until(() => rig.clock.now() - start > 300_000, 400_000);
    expect(rig.cloud.requests.length).toBeLessThan(300);
    rig.cloud.manners = { latencyMs: 20 };
    const ms = await rig.ended(spec, 600_000);
    expect(counts(rig, spec)).toEqual({
      provisioned: 300,
      failed: 0,
      pending: 0,
      quarantined: 0,
      leaving: 0,
      removed: 0,
    });
    expect(ms).toBeLessThan(120_000);
  });
});

describe("a ferry and devices that a cloud refuses for ever with v1's text", () => {
  it.each([
    { count: 400, step: 400, othersMs: 1_000, allMs: 120_000 },
    { count: 400, step: 20, othersMs: 2_000, allMs: 600_000 },
    { count: 400, step: 4, othersMs: 120_000, allMs: 1_500_000 },
    { count: 1, step: 1, othersMs: 1, allMs: 120_000 },
  ])(
    "calls them refused (one in $step of $count), and gets the others in meanwhile",
    async ({ count, step, othersMs, allMs }) => {
      const refs = everyNth(count, step);
      const message = "Failed creating and registering thing";
      await using rig = await Rig.open({ manners: { latencyMs: 50, refuse: { refs, message } } });
      const spec = await rig.reel("D001", csv(count));
      rig.ferry.declare(spec);
      await rig.until(() => rig.cloud.devices.size === count - refs.size, othersMs);
      await rig.ended(spec, allMs);
      expect(rig.states(spec)).toEqual(
        devices
          .slice(0, count)
          .map(({ deviceId }) => (refs.has(deviceId) ? failed("RegistryRefused") : PROVISIONED)),
      );
      const failures = rig.ferry.progress("d001/0123456789")?.failures ?? [];
      expect(failures.length).toBe(Math.min(10, refs.size));
      for (const failure of failures) {
        expect(refs.has(failure.device)).toBe(true);
        expect(failure.reason).toBe("RegistryRefused");
      }
    },
  );
});

describe("a ferry and a cloud with other faults", () => {
  it("finds the size of request that a slow cloud answers in time", async () => {
    await using rig = await Rig.open({ manners: { msPerDevice: 6_000, deadlineMs: 29_000 } });
    const spec = await rig.reel("D001", csv(40));
    rig.ferry.declare(spec);
    const ms = await rig.ended(spec, 600_000);
    expect(counts(rig, spec).provisioned).toBe(40);
    expect(ms).toBeLessThan(400_000);
  });

  it("finds the one device that a callee dies of, and gets all the others in", async () => {
    const [deadly] = everyNth(60, 60);
    await using rig = await Rig.open({ manners: { deadly: new Set([deadly ?? ""]) } });
    const spec = await rig.reel("D001", csv(60));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size === 59, 600_000);
    await rig.until(() => counts(rig, spec).provisioned === 59, 10_000);
    expect(rig.states(spec)[0]).toBe(PENDING);
    await rig.until(
      () => rig.ferry.progress("d001/0123456789")?.hindrance?.reason === "ServerError",
      120_000,
    );
    rig.cloud.manners = {};
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(60);
  });

  it("finds the device for which a callee takes no request, and gets all the others in", async () => {
    const unacceptable = everyNth(40, 16);
    await using rig = await Rig.open({ manners: { unacceptable } });
    const spec = await rig.reel("D001", csv(40));
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    expect(counts(rig, spec)).toMatchObject({ provisioned: 37, failed: 3 });
    const failures = rig.ferry.progress("d001/0123456789")?.failures ?? [];
    expect(failures.map(({ device }) => device).sort()).toEqual([...unacceptable].sort());
    expect(failures).toMatchObject([...unacceptable].map(() => ({ reason: "RequestRefused" })));
    expect(rig.cloud.requests.length).toBeLessThan(60);
  });

  it.each([
    ["attaches no policy", { withoutPolicy: true }, "PolicyMissing"],
    ["answers for no device", { leaveOut: everyone() }, "NoAnswer"],
    ["refuses each with a text of its own", { refuse: { refs: everyone(), message: "no" } }, "CloudRefused"],
  ])(
    "does not hammer a cloud that %s, and is back soon when it is mended",
    async (_what, manners, reason) => {
      await using rig = await Rig.open({ manners });
      const spec = await rig.reel("D001", csv(400));
      rig.ferry.declare(spec);
      await rig.pass(150_000);
      expect(counts(rig, spec)).toMatchObject({ provisioned: 0, failed: 0, pending: 400 });
      expect(rig.ferry.progress("d001/0123456789")?.hindrance).toMatchObject({ reason });
      expect(rig.cloud.requests.length).toBeLessThan(30);
      rig.cloud.manners = { latencyMs: 20 };
      expect(await rig.ended(spec, 300_000)).toBeLessThan(90_000);
      expect(counts(rig, spec).provisioned).toBe(400);
    },
  );

  it("takes several requests that fail at once for one refusal", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 50 } });
    const spec = await rig.reel("D001", csv(400), { limits: { maxDevicesPerRequest: 5 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.inFlight >= 6, 60_000);
    rig.cloud.manners = { deadly: new Set(devices.map(({ deviceId }) => deviceId)), latencyMs: 50 };
    await rig.until(() => rig.ferry.progress("d001/0123456789")?.hindrance !== undefined, 10_000);
    rig.cloud.manners = { latencyMs: 50 };
    // A pause for each of them would have grown to half a minute.
    expect(await rig.ended(spec, 60_000)).toBeLessThan(10_000);
  });
});
