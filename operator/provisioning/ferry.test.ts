import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import { ApiError } from "../runtime/api-error.ts";
import { encodeStates } from "./ledger/format.ts";
import { countStates, PENDING, PROVISIONED } from "./ledger/states.ts";
import type { PlacementSpec } from "./placement-spec.ts";
import { Rig } from "./testing/rig.ts";

const KEY = "d001/0123456789";
const LEDGER = "d001.0123456789.0";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(40, { batchId: "D001" });
});

function csv(count: number, batchId = "D001"): string {
  return manifestCsv(devices.slice(0, count), { batchId });
}

function counts(rig: Rig, spec: PlacementSpec) {
  return countStates(Uint8Array.from(rig.states(spec)));
}

/** Lets time pass, with what is read and written meanwhile. */
async function passing(rig: Rig, ms: number): Promise<void> {
  const end = rig.clock.now() + ms;
  await rig.until(() => rig.clock.now() >= end, ms + 120_000);
}

describe("a ferry's ledger", () => {
  it("is written before the first device leaves, and holds when the work began and ended", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(3));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.requests.length === 1, 10_000);
    expect(rig.ledgers.get(LEDGER)?.spec).toMatchObject({
      counts: { pending: 3 },
      startedAt: new Date(rig.clock.now()).toISOString(),
    });
    await rig.ended(spec, 10_000);
    expect(rig.ledgers.get(LEDGER)?.spec).toMatchObject({
      reel: "d001",
      account: "acme",
      target: { key: "AWS/123456789012/eu-west-1", type: "AWS", cloudApi: "aws" },
      manifestSha256: spec.contents.sha256,
      counts: { provisioned: 3, pending: 0, failed: 0, quarantined: 0 },
      provisionedAt: new Date(rig.clock.now()).toISOString(),
    });
  });

  it("is written once a second at most, however many requests are answered", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 50 } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    expect(rig.cloud.requests).toHaveLength(40);
    // The intent, two by the clock, and the end.
    expect(rig.ledgers.writes.length).toBeLessThanOrEqual(4);
  });

  it("is taken up by another process, which sends again only what the last write does not know", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 100 } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 1, maxInFlight: 2 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size >= 25, 10_000);
    // Killed: nothing of it is written or answered any more.
    rig.ledgers.beforeWrite = () => new Promise(() => undefined);
    const written = counts(rig, spec).provisioned;
    expect(written).toBeGreaterThanOrEqual(4);
    void rig.ferry.close(0);
    await rig.clock.advance(1);
    rig.ledgers.beforeWrite = () => undefined;

    rig.ferry = rig.newFerry();
    rig.ferry.declare(spec);
    await rig.ended(spec, 20_000);
    expect(counts(rig, spec).provisioned).toBe(40);
    const twice = devices.filter(({ deviceId }) => rig.cloud.times(deviceId) > 1).length;
    // What was under way, and a second's worth: 2 + 20.
    expect(twice).toBeLessThanOrEqual(22);
  });

  it("is read again when somebody else has written it, and nothing is lost", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 200 } });
    const spec = await rig.reel("D001", csv(20), { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => counts(rig, spec).provisioned > 3, 10_000);
    rig.ledgers.meddle(LEDGER);
    await rig.ended(spec, 60_000);
    expect(counts(rig, spec).provisioned).toBe(20);
    const twice = devices.filter(({ deviceId }) => rig.cloud.times(deviceId) > 1).length;
    // What was sent since the last write that held, at five a second: it took a second to find out.
    expect(twice).toBeLessThanOrEqual(11);
  });

  it("is begun anew when somebody deletes it, and everything is sent again", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 300 } });
    const spec = await rig.reel("D001", csv(10), { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => counts(rig, spec).provisioned > 2, 10_000);
    await rig.ledgers.client.delete({ name: LEDGER });
    await rig.ended(spec, 60_000);
    expect(counts(rig, spec).provisioned).toBe(10);
    expect(rig.cloud.times(devices[0]?.deviceId ?? "")).toBe(2);
  });

  it("holds sending up when it cannot be written, says so, and lets it go on afterwards", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 100 } });
    const spec = await rig.reel("D001", csv(40), { limits: { devicesPerSecond: 2 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size > 0, 10_000);
    rig.ledgers.beforeWrite = () => {
      throw new ApiError("etcd is away", { status: 500, reason: "InternalError" });
    };
    const start = rig.clock.now();
    await rig.until(() => rig.clock.now() > start + 30_000, 40_000);
    // Five seconds' worth, and what was under way.
    expect(rig.cloud.devices.size).toBeLessThanOrEqual(16);
    expect(rig.ferry.progress(KEY)?.hindrance).toMatchObject({ reason: "LedgerNotWritten" });
    rig.ledgers.beforeWrite = () => undefined;
    await rig.ended(spec, 60_000);
    expect(counts(rig, spec).provisioned).toBe(40);
    expect(devices.every(({ deviceId }) => rig.cloud.times(deviceId) === 1)).toBe(true);
  });

  it.each([
    ["of another version", { format: "v2" }, /format "v2" is not known/],
    ["that is damaged", { data: "AQ==" }, /device states where 5 belong/],
    ["of another manifest", { manifestSha256: "0".repeat(64) }, /was written for manifest 0000/],
    [
      "of another length",
      { chunk: { index: 0, first: 0, devices: 4 }, data: encodeStates(new Uint8Array(4)) },
      /covers 4 devices/,
    ],
  ])("%s is left alone, and nothing is sent", async (_what, change, message) => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(5));
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    const ledger = rig.ledgers.get(LEDGER);
    if (ledger === undefined) throw new Error("a ledger was written");
    Object.assign(ledger.spec, change);
    const sent = rig.cloud.requests.length;
    rig.ferry.declare({ ...spec, request: "again" });
    await rig.until(() => rig.ferry.progress(KEY)?.hindrance !== undefined, 10_000);
    const reads = rig.ledgers.lists;
    await passing(rig, 60_000);
    expect(rig.ledgers.lists - reads).toBeLessThan(12);
    expect(rig.ferry.progress(KEY)?.hindrance).toMatchObject({
      reason: "LedgerUnreadable",
      message: expect.stringMatching(message),
    });
    expect(rig.cloud.requests.length).toBe(sent);
    expect(rig.ledgers.get(LEDGER)?.spec).toMatchObject(change);
  });

  it("is written before anything leaves, also when that takes several tries", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(5));
    rig.ledgers.beforeWrite = () => {
      throw new ApiError("etcd is away", { status: 500, reason: "InternalError" });
    };
    rig.ferry.declare(spec);
    await passing(rig, 60_000);
    expect(rig.cloud.requests).toEqual([]);
    expect(rig.ferry.progress(KEY)?.hindrance).toMatchObject({ reason: "LedgerNotWritten" });
    rig.ledgers.beforeWrite = () => undefined;
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(5);
  });

  it("is written to the last when the placement is stopped, however long that takes", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 300 } });
    const spec = await rig.reel("D001", csv(10), { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size > 2, 10_000);
    rig.ledgers.beforeWrite = () => {
      throw new ApiError("etcd is away", { status: 500, reason: "InternalError" });
    };
    await rig.until(() => rig.cloud.devices.size > 4, 10_000);
    expect(rig.ferry.withdraw(KEY)).toBe(false);
    await passing(rig, 30_000);
    expect(rig.ferry.withdraw(KEY)).toBe(false);
    rig.ledgers.beforeWrite = () => undefined;
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(rig.cloud.devices.size);
  });

  it("has counts that fit its devices again after somebody edited them", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(5));
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    const ledger = rig.ledgers.get(LEDGER);
    if (ledger === undefined) throw new Error("a ledger was written");
    ledger.spec.counts = { provisioned: 0, failed: 0, pending: 5, quarantined: 0 };
    rig.ferry.declare({ ...spec });
    await rig.until(() => rig.ledgers.get(LEDGER)?.spec.counts.provisioned === 5, 10_000);
    expect({ leaving: 0, removed: 0, ...rig.ledgers.get(LEDGER)?.spec.counts }).toEqual(counts(rig, spec));
  });

  it("is read with growing pauses when a placement is wanted again and again although it has ended", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(2));
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    const reads = rig.ledgers.lists;
    for (let i = 0; i < 300; i += 1) {
      rig.ferry.declare(spec);
      await rig.clock.advance(100);
    }
    expect(rig.ledgers.lists - reads).toBeLessThan(10);
  });

  it("is not begun from a manifest that is not the one that was bound", async () => {
    await using rig = await Rig.open();
    const spec = await rig.reel("D001", csv(5));
    const other = await rig.reel("D001", csv(4));
    rig.ferry.declare(spec);
    await rig.until(() => rig.ferry.progress(KEY)?.hindrance !== undefined, 10_000);
    const { reason, message } = rig.ferry.progress(KEY)?.hindrance ?? {};
    expect(reason).toBe("DigestMismatch");
    expect(message).toContain(spec.contents.sha256);
    expect(message).toContain(other.contents.sha256);
    expect(rig.cloud.requests).toEqual([]);
    // Put back, it goes on by itself.
    await rig.reel("D001", csv(5));
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(5);
  });
});

describe("a ferry's placement", () => {
  it("sends nothing after it was withdrawn, and notes what is answered then", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 500 } });
    const spec = await rig.reel("D001", csv(10), { limits: { maxDevicesPerRequest: 2, maxInFlight: 2 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.inFlight === 2, 10_000);
    expect(rig.ferry.withdraw(KEY)).toBe(false);
    // While it ends, it is not begun anew.
    rig.ferry.declare(spec);
    await rig.until(() => rig.ferry.withdraw(KEY), 10_000);
    expect(rig.cloud.requests).toHaveLength(2);
    expect(counts(rig, spec)).toMatchObject({ provisioned: 4, pending: 6 });
    expect(rig.changes).toContain(KEY);

    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    expect(devices.slice(0, 10).every(({ deviceId }) => rig.cloud.times(deviceId) === 1)).toBe(true);
  });

  it("may be withdrawn during a pause, and while it waits for a turn", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 100 } });
    const limits = { maxDevicesPerRequest: 1, maxInFlight: 1 };
    const first = await rig.reel("D001", csv(10), { limits });
    const second = await rig.reel("D002", csv(10, "D002"), { limits });
    rig.cloud.manners = { deadly: new Set(devices.map(({ deviceId }) => deviceId)) };
    rig.ferry.declare(first);
    rig.ferry.declare(second);
    await rig.until(() => rig.ferry.progress(KEY)?.hindrance !== undefined, 10_000);
    expect(rig.ferry.withdrawReel("d001")).toBe(false);
    await rig.until(() => rig.ferry.withdrawReel("d001"), 1_000);
    rig.cloud.manners = {};
    await rig.ended(second, 120_000);
    expect(counts(rig, second).provisioned).toBe(10);
  });

  it("takes up a request to provision again while it runs, with what is under way", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 500 } });
    const spec = await rig.reel("D001", csv(6), { limits: { maxDevicesPerRequest: 2, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.requests.length === 2, 10_000);
    rig.ferry.declare({ ...spec, request: "again" });
    await rig.ended(spec, 20_000);
    expect(rig.ledgers.get(LEDGER)?.spec).toMatchObject({ request: "again", counts: { provisioned: 6 } });
    const times = devices.slice(0, 6).map(({ deviceId }) => rig.cloud.times(deviceId));
    expect(times).toEqual([2, 2, 2, 2, 1, 1]);
  });

  it("keeps what it saw failing for those who ask later, until it is withdrawn", async () => {
    const [first] = devices;
    const refs = new Set([first?.deviceId ?? ""]);
    await using rig = await Rig.open({ manners: { refuse: { refs, message: "Cannot get thumbprint" } } });
    const spec = await rig.reel("D001", csv(3));
    rig.ferry.declare(spec);
    await rig.ended(spec, 10_000);
    const failure = {
      device: first?.deviceId,
      reason: "ThumbprintRejected",
      message: "Cannot get thumbprint",
    };
    expect(rig.ferry.progress(KEY)).toMatchObject({ running: false, failures: [failure] });
    // Another process reads only the ledger, and finds the device in the manifest.
    const later = rig.newFerry();
    later.declare(spec);
    await rig.until(() => later.progress(KEY)?.running === false, 10_000);
    expect(later.progress(KEY)?.failures).toMatchObject([
      { device: first?.deviceId, reason: "ThumbprintRejected" },
    ]);
    expect(rig.cloud.requests).toHaveLength(1);
    rig.ferry.withdraw(KEY);
    expect(rig.ferry.progress(KEY)).toBeUndefined();
  });

  it("tells how fast it is, and forgets that when it has ended", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 1_000 } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 2, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size >= 20, 60_000);
    const { devicesPerSecond } = rig.ferry.progress(KEY) ?? { devicesPerSecond: 0 };
    expect(devicesPerSecond).toBeGreaterThan(1.5);
    expect(devicesPerSecond).toBeLessThan(2.7);
    await rig.ended(spec, 60_000);
    expect(rig.ferry.progress(KEY)).toBeUndefined();
  });
});

describe("a ferry that is closed", () => {
  it("waits for what is under way, writes it, and takes nothing up any more", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 2_000 } });
    const spec = await rig.reel("D001", csv(4), { limits: { maxDevicesPerRequest: 2, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.inFlight === 1, 10_000);
    let closed = false;
    const closing = rig.ferry.close(10_000).then(() => (closed = true));
    expect(await rig.until(() => closed, 10_000)).toBeLessThanOrEqual(2_000);
    await closing;
    expect(rig.states(spec)).toEqual([PROVISIONED, PROVISIONED, PENDING, PENDING]);
    rig.ferry.declare(spec);
    expect(rig.ferry.progress(KEY)).toBeUndefined();
  });

  it("gives up after its grace what has no answer: that stays pending", async () => {
    await using rig = await Rig.open({ manners: { latencyMs: 30_000 } });
    const spec = await rig.reel("D001", csv(4));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.inFlight === 1, 10_000);
    let closed = false;
    const closing = rig.ferry.close(1_000).then(() => (closed = true));
    expect(await rig.until(() => closed, 10_000)).toBeLessThanOrEqual(1_100);
    await closing;
    expect(counts(rig, spec).pending).toBe(4);
  });
});

describe("a ferry and a cloud that is at fault as a whole", () => {
  it("condemns no device for a cloud that refuses every request, and goes on when it takes them", async () => {
    await using rig = await Rig.open({
      manners: { unacceptable: new Set(devices.map(({ deviceId }) => deviceId)) },
    });
    const spec = await rig.reel("D001", csv(20));
    rig.ferry.declare(spec);
    await passing(rig, 120_000);
    expect(counts(rig, spec).failed).toBe(0);
    expect(rig.cloud.requests.length).toBeLessThan(60);
    rig.cloud.manners = { latencyMs: 20 };
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(20);
  });

  it("asks with one request whether a cloud that attached no policy attaches one now", async () => {
    await using rig = await Rig.open({ manners: { withoutPolicy: true } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 4 } });
    rig.ferry.declare({ ...spec, policyExpected: true });
    await passing(rig, 120_000);
    const pushes = rig.cloud.requests.reduce((sum, { refs }) => sum + refs.length, 0);
    expect(pushes).toBeLessThan(40 + 4 * 12);
    expect(rig.ferry.progress(KEY)?.hindrance).toMatchObject({ reason: "PolicyMissing" });
    rig.cloud.manners = { latencyMs: 20 };
    await rig.ended(spec, 120_000);
    expect(counts(rig, spec).provisioned).toBe(40);
  });
});
