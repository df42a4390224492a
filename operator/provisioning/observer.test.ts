import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import type { AnswerReport, FerryObserver, LedgerWrite, RequestReport } from "./observer.ts";
import { Rig } from "./testing/rig.ts";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(20, { batchId: "D001" });
});

/** Keeps what it is told. */
class Notebook implements FerryObserver {
  readonly requests: RequestReport[] = [];
  readonly answers: AnswerReport[] = [];
  readonly writes: LedgerWrite[] = [];

  requested(report: RequestReport): void {
    this.requests.push(report);
  }
  answered(report: AnswerReport): void {
    this.answers.push(report);
  }
  ledger(write: LedgerWrite): void {
    this.writes.push(write);
  }
  get done(): number {
    return this.answers.reduce((sum, { done }) => sum + done, 0);
  }
  /** All refusals, by reason. */
  get refused(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { refusals } of this.answers) {
      for (const [reason, times] of refusals) all[reason] = (all[reason] ?? 0) + times;
    }
    return all;
  }
}

const csv = (count: number): string => manifestCsv(devices.slice(0, count), { batchId: "D001" });
const PASSAGE = { account: "acme", cloudApi: "aws", type: "AWS" };

describe("what is told of a ferry", () => {
  it("is each request with how long it took, and each device that went in once", async () => {
    const observer = new Notebook();
    await using rig = await Rig.open({ observer, manners: { latencyMs: 250 } });
    const spec = await rig.reel("D001", csv(20), { limits: { maxDevicesPerRequest: 5, maxInFlight: 1 } });
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    expect(observer.requests.map(({ devices: count }) => count)).toEqual(
      rig.cloud.requests.map(({ refs }) => refs.length),
    );
    for (const request of observer.requests) {
      expect(request).toMatchObject({ ...PASSAGE, direction: "in", outcome: "Answered" });
      expect(request.seconds).toBeCloseTo(0.25, 1);
    }
    expect(observer.done).toBe(20);
    expect(observer.refused).toEqual({});
    expect(observer.writes.map(({ result }) => result)).not.toContain("error");
    expect(observer.writes.length).toBe(rig.ledgers.writes.length);
  });

  it("is what devices were refused for, those that fail and those that are asked for again", async () => {
    const observer = new Notebook();
    const refs = new Set(devices.slice(0, 2).map(({ deviceId }) => deviceId));
    const refuse = { refs, message: "Cannot decode certitifcate" };
    await using rig = await Rig.open({ observer, manners: { refuse, devicesPerSecond: 8 } });
    const spec = await rig.reel("D001", csv(20));
    rig.ferry.declare(spec);
    await rig.ended(spec, 300_000);
    expect(observer.done).toBe(18);
    const { CertificateNotDecodable, CloudBusy, ...others } = observer.refused;
    expect(CertificateNotDecodable).toBe(2);
    expect(CloudBusy).toBeGreaterThan(0);
    expect(others).toEqual({});
  });

  it("is why a request had no answer, and then no device of it is counted", async () => {
    const observer = new Notebook();
    await using rig = await Rig.open({ observer });
    rig.cloud.manners.deadly = new Set(devices.map(({ deviceId }) => deviceId));
    const spec = await rig.reel("D001", csv(3));
    rig.ferry.declare(spec);
    await rig.until(() => rig.cloud.requests.length > 2, 60_000);
    rig.cloud.manners = {};
    await rig.ended(spec, 300_000);
    const outcomes = observer.requests.map(({ outcome }) => outcome);
    expect(outcomes.slice(0, 3)).toEqual(["ServerError", "ServerError", "ServerError"]);
    expect(outcomes.at(-1)).toBe("Answered");
    expect(observer.done).toBe(3);
  });

  it("is which way devices went", async () => {
    const observer = new Notebook();
    await using rig = await Rig.open({ observer });
    const spec = await rig.reel("D001", csv(4));
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    rig.ferry.declare({ ...spec, direction: "out" });
    await rig.until(() => rig.cloud.devices.size === 0, 60_000);
    await rig.ended(spec, 60_000);
    const out = observer.answers.filter(({ direction }) => direction === "out");
    expect(out.reduce((sum, { done }) => sum + done, 0)).toBe(4);
  });
});
