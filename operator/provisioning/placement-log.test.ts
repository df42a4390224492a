import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import { type LogLine, recordingLogger } from "../runtime/testing/log.ts";
import { PlacementLog } from "./placement-log.ts";
import type { LastingHindrance, PlacementSpec } from "./placement-spec.ts";
import { Rig } from "./testing/rig.ts";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(40, { batchId: "D001" });
});

const csv = (count: number): string => manifestCsv(devices.slice(0, count), { batchId: "D001" });
const ferryLines = (lines: readonly LogLine[]): LogLine[] => lines.filter(({ module }) => module === "ferry");
const AT = {
  namespace: "acme",
  reel: "d001",
  batch: "D001",
  cloud: "aws",
  target: "AWS/123456789012/eu-west-1",
};

describe("the log of a placement", () => {
  it("has a line when it begins and one when it ends, with what came of it, and none for devices", async () => {
    const { log, lines } = recordingLogger();
    await using rig = await Rig.open({ log });
    const [first] = devices;
    rig.cloud.manners.refuse = {
      refs: new Set([first?.deviceId ?? ""]),
      message: "Cannot decode certitifcate",
    };
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 5 } });
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    expect(ferryLines(lines)).toMatchObject([
      { level: "info", msg: "a placement begins", ...AT, direction: "in", records: 40 },
      { level: "info", msg: "a placement has ended", ...AT, provisioned: 39, failed: 1, pending: 0 },
    ]);
    expect(JSON.stringify(lines)).not.toContain(first?.deviceId);
  });

  it("says what holds it up once, however often it is tried, and when it goes on", async () => {
    const { log, lines } = recordingLogger();
    await using rig = await Rig.open({ log });
    const spec = await rig.reel("D001", csv(4));
    rig.cloud.manners.deadly = new Set(devices.map(({ deviceId }) => deviceId));
    rig.ferry.declare(spec);
    await rig.pass(20_000);
    expect(rig.cloud.requests.length).toBeGreaterThan(4);
    expect(ferryLines(lines)).toMatchObject([
      { msg: "a placement begins" },
      { level: "warn", msg: "a placement is held up", ...AT, reason: "ServerError" },
    ]);
    rig.cloud.manners = {};
    await rig.ended(spec, 300_000);
    expect(ferryLines(lines).slice(2)).toMatchObject([
      { level: "info", msg: "a placement goes on", ...AT, reason: "ServerError" },
      { level: "info", msg: "a placement has ended", provisioned: 4 },
    ]);
  });

  it("tells one that is stopped from one that is done, and that everything is wanted again", async () => {
    const { log, lines } = recordingLogger();
    await using rig = await Rig.open({ log, manners: { latencyMs: 1_000 } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 4, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.devices.size >= 8, 60_000);
    rig.ferry.declare({ ...spec, request: "monday" });
    rig.ferry.declare({ ...spec, request: "monday" });
    rig.ferry.withdraw("d001/0123456789");
    await rig.until(() => ferryLines(lines).length > 2, 60_000);
    expect(ferryLines(lines).slice(1)).toMatchObject([
      { msg: "every device is to be provisioned again", request: "monday" },
      { msg: "a placement was stopped" },
    ]);
    expect(ferryLines(lines)[2]?.["pending"]).toBeGreaterThan(0);
  });

  it("says that everything is wanted again only when it is: not when the request is gone, nor when it is back", async () => {
    const { log, lines } = recordingLogger();
    await using rig = await Rig.open({ log, manners: { latencyMs: 1_000 } });
    const spec = await rig.reel("D001", csv(40), { limits: { maxDevicesPerRequest: 4, maxInFlight: 1 } });
    const again = (): unknown[] =>
      ferryLines(lines).flatMap(({ msg, request }) => (msg.includes("again") ? [request] : []));
    // A ledger that begins with a request is no second time.
    rig.ferry.declare({ ...spec, request: "monday" });
    await rig.until(() => rig.cloud.devices.size >= 8, 60_000);
    rig.ferry.declare({ ...spec, request: undefined });
    rig.ferry.declare({ ...spec, request: "monday" });
    expect(again()).toEqual([]);
    await rig.ended({ ...spec, request: "monday" }, 60_000);
    rig.ferry.declare({ ...spec, request: "tuesday" });
    await rig.ended(spec, 60_000);
    expect(again()).toEqual(["tuesday"]);
  });

  it("does not repeat itself where a cloud throttles on and off for an hour", () => {
    const { log, lines } = recordingLogger();
    let now = Date.UTC(2026, 0, 1);
    const record = new PlacementLog(
      { direction: "in", ledger: { target: {} }, contents: {} } as PlacementSpec,
      log,
      { now: () => now },
    );
    for (let second = 0; second < 3_600; second += 1) {
      now += 1_000;
      const hindrance: LastingHindrance = { reason: "CloudBusy", message: "m", since: now - 500 };
      record.follow({ hindrance: second % 2 === 0 ? hindrance : undefined });
    }
    // Each ten minutes, and its beginning.
    expect(lines.length).toBeLessThanOrEqual(7);
    expect(lines.filter(({ msg }) => msg === "a placement is held up").length).toBeGreaterThanOrEqual(5);
  });
});
