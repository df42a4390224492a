import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey, type PlacementSpec } from "../placement-spec.ts";
import type { SimulatedManners } from "../testing/cloud.ts";
import { Rig } from "../testing/rig.ts";
import type { RoundSpec, Surveys } from "./surveys.ts";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(60, { batchId: "D001" });
});

/** A reel that was provisioned, and surveys of the same cloud. */
class Provisioned implements AsyncDisposable {
  readonly rig: Rig;
  readonly spec: PlacementSpec;

  private constructor(rig: Rig, spec: PlacementSpec) {
    this.rig = rig;
    this.spec = spec;
  }

  get surveys(): Surveys {
    return this.rig.surveys;
  }

  static async open(count: number, manners: SimulatedManners = {}): Promise<Provisioned> {
    const rig = await Rig.open({ manners });
    const spec = await rig.reel("D001", manifestCsv(devices.slice(0, count), { batchId: "D001" }));
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    return new Provisioned(rig, spec);
  }

  round(more: Partial<RoundSpec> = {}, spec = this.spec): RoundSpec {
    const { ledger, contents, interop, limits } = spec;
    const chunks = (): RoundSpec["chunks"] extends () => infer T ? T : never => [
      { first: 0, states: Uint8Array.from(this.rig.states(spec)) },
    ];
    const rest = { limits, chunks, most: 1_000, round: 0, request: undefined, urgent: false };
    return { ledger, contents, interop, ...rest, ...more };
  }

  get key(): string {
    return placementKey(this.spec.ledger);
  }

  get result() {
    return this.surveys.view(this.key).result;
  }

  async told(ms = 600_000): Promise<NonNullable<Provisioned["result"]>> {
    await this.rig.until(() => this.result !== undefined, ms);
    const { result } = this;
    if (result === undefined) throw new Error("it was told");
    return result;
  }

  get questions() {
    return this.rig.cloud.requests.filter(({ action }) => action === "status");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}

function id(at: number): string {
  return devices[at]?.deviceId ?? "";
}

describe("a round", () => {
  it("tells how many of the devices that are called provisioned are known and let in, and which are not", async () => {
    await using site = await Provisioned.open(40);
    site.rig.cloud.devices.delete(id(3));
    site.rig.cloud.manners.inactive = new Set([id(30)]);
    site.surveys.declare(site.round({ round: 4, request: "now" }));
    expect(await site.told()).toEqual({
      toldAt: expect.any(Number) as number,
      asked: 40,
      active: 38,
      differing: 2,
      differences: [
        { device: id(3), what: "Missing" },
        { device: id(30), what: "Inactive" },
      ],
      rounds: 5,
      request: "now",
    });
    expect(site.rig.checked).toEqual([site.key]);
    expect(site.rig.questions.map(({ devices, outcome }) => [devices, outcome])).toEqual([
      [20, "Answered"],
      [20, "Answered"],
    ]);
    // Nothing is marked: what is to become of them is for people to say.
    expect(new Set(site.rig.states(site.spec)).size).toBe(1);
  });

  it("names the first ten of those that differ, and counts them all", async () => {
    await using site = await Provisioned.open(40);
    site.rig.cloud.devices.clear();
    site.surveys.declare(site.round());
    const { differing, differences, active } = await site.told();
    expect([active, differing]).toEqual([0, 40]);
    expect(differences.map(({ device }) => device)).toEqual(
      devices.slice(0, 10).map((each) => each.deviceId),
    );
  });

  it("asks about so many as it may, and about others the next time", async () => {
    await using site = await Provisioned.open(40);
    for (let round = 0; round < 4; round += 1) {
      site.surveys.declare(site.round({ most: 10, round }));
      expect(await site.told()).toMatchObject({ asked: 10, rounds: round + 1 });
      site.surveys.written(site.key);
    }
    expect(new Set(site.questions.flatMap(({ refs }) => refs)).size).toBe(40);
  });

  it("uses a tenth of the time where nobody knows what the cloud takes, with one request at a time", async () => {
    await using site = await Provisioned.open(60);
    site.rig.cloud.manners.latencyMs = 400;
    site.rig.cloud.maxInFlight = 0;
    site.surveys.declare(site.round());
    await site.told();
    expect(site.rig.cloud.maxInFlight).toBe(1);
    const [first, second, third] = site.questions.map(({ at }) => at);
    expect([(second ?? 0) - (first ?? 0), (third ?? 0) - (second ?? 0)]).toEqual([4_000, 4_000]);
  });

  it("uses a tenth of what people allow", async () => {
    await using site = await Provisioned.open(40);
    const started = site.rig.clock.now();
    site.surveys.declare(site.round({ limits: { devicesPerSecond: 10, maxDevicesPerRequest: 5 } }));
    const { toldAt } = await site.told();
    // Eight requests of five devices, the last of which nobody waits for: one a second.
    expect((toldAt - started) / 1_000).toBeGreaterThanOrEqual(35);
    expect(site.questions.every(({ refs }) => refs.length <= 5)).toBe(true);
  });
});

describe("a cloud whose pace is known", () => {
  it("is asked a tenth of it", async () => {
    await using site = await Provisioned.open(60, { devicesPerSecond: 5 });
    const { rate } = site.rig.ferry.lane(site.spec).view;
    expect(rate).toBeLessThan(20);
    const started = site.rig.clock.now();
    site.surveys.declare(site.round());
    const { asked, toldAt } = await site.told();
    const last = site.questions.at(-1)?.refs.length ?? 0;
    expect(asked).toBe(60);
    // Nobody waits for the silence after the last request.
    expect(((toldAt - started) / 1_000) * rate * 0.1).toBeGreaterThanOrEqual((60 - last) * 0.99);
  });
});

describe("provisioning goes first", () => {
  it("breaks off a question that is under way, and the round goes on where it was when nobody is aboard", async () => {
    await using site = await Provisioned.open(40);
    const { rig } = site;
    rig.cloud.manners.latencyMs = 800;
    site.surveys.declare(site.round({ limits: { maxDevicesPerRequest: 10 } }));
    await rig.until(() => site.questions.length === 2, 120_000);
    const other = await rig.reel("D002", manifestCsv(devices.slice(40, 60), { batchId: "D001" }));
    const declaredAt = rig.clock.now();
    rig.ferry.declare({ ...other, contents: { ...other.contents, batchId: "D001" } });
    const sent = () => rig.cloud.requests.findLast(({ action }) => action === "provision");
    await rig.until(() => (sent()?.at ?? 0) >= declaredAt, 60_000);
    expect((sent()?.at ?? 0) - declaredAt).toBeLessThan(100);
    expect(rig.cloud.inFlight).toBe(1);
    await rig.ended(other, 120_000);
    expect(site.result).toBeUndefined();
    expect(await site.told()).toMatchObject({ asked: 40, active: 40 });
    // The second request was broken off and asked again, the first was not.
    expect(site.questions.map(({ refs }) => refs.length)).toEqual([10, 10, 10, 10, 10]);
  });
});

it("shares its way to the cloud with placements however many other clouds there are", async () => {
  await using site = await Provisioned.open(20);
  const { ferry } = site.rig;
  const lane = ferry.lane(site.spec);
  const others = (name: string): void => {
    for (let at = 0; at < 1_001; at += 1) {
      const url = `https://${name}-${at}.example/`;
      ferry.lane({ ...site.spec, interop: { ...site.spec.interop, url } });
    }
  };
  site.surveys.declare(site.round({ limits: { devicesPerSecond: 10 } }));
  others("one");
  expect(ferry.lane(site.spec)).toBe(lane);
  await site.told();
  await site.rig.pass(60_000);
  others("two");
  expect(ferry.lane(site.spec)).not.toBe(lane);
});

describe("a round that cannot go on", () => {
  it("rests longer and longer, says why, and keeps nothing of it until it is whole", async () => {
    await using site = await Provisioned.open(10);
    const { rig } = site;
    rig.cloud.manners.throttle = { retryAfterMs: 60_000 };
    site.surveys.declare(site.round());
    await rig.until(() => site.questions.length === 4, 3_600_000);
    const times = site.questions.map(({ at }) => at);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(60_000);
    expect((gaps[2] ?? 0) > (gaps[0] ?? 0)).toBe(true);
    await rig.pass(1_000);
    // Whoever provisions into that cloud hears of it, too.
    expect(rig.ferry.lane(site.spec).pausedUntil).toBeGreaterThan(rig.clock.now());
    expect(site.surveys.view(site.key)).toMatchObject({
      result: undefined,
      hindrance: { reason: "Throttled", nextTryAt: expect.any(Number) as number },
    });
    rig.cloud.manners = { latencyMs: 20 };
    expect(await site.told(3_600_000)).toMatchObject({ asked: 10, active: 10 });
    expect(site.surveys.view(site.key).hindrance).toBeUndefined();
  });

  it("goes on where single devices were throttled, with those alone", async () => {
    await using site = await Provisioned.open(20);
    const { rig } = site;
    rig.cloud.manners.devicesPerSecond = 12;
    rig.cloud.exhaust();
    await rig.pass(1_000);
    site.surveys.declare(site.round());
    expect(await site.told(3_600_000)).toMatchObject({ asked: 20, active: 20 });
    const [first, second] = site.questions;
    expect(first?.refs).toHaveLength(20);
    expect(second?.refs.length).toBeLessThanOrEqual(8);
  });

  it("leaves the pace of provisioning as it is, whatever becomes of questions", async () => {
    await using site = await Provisioned.open(60, { devicesPerSecond: 5 });
    const { rig } = site;
    const before = rig.ferry.lane(site.spec).view;
    rig.cloud.exhaust();
    rig.cloud.manners.devicesPerSecond = 0;
    site.surveys.declare(site.round());
    await rig.pass(3 * 3_600_000);
    expect(site.questions.length).toBeGreaterThan(15);
    rig.cloud.manners.throttle = {};
    await rig.pass(3 * 3_600_000);
    rig.cloud.manners.loseAnswers = true;
    delete rig.cloud.manners.throttle;
    await rig.pass(3 * 3_600_000);
    expect(rig.ferry.lane(site.spec).view).toEqual(before);
  });

  it.each(["deadly", "unacceptable"] as const)(
    "passes over a device with which no request is answered (%s), and tells of the others",
    async (manner) => {
      await using site = await Provisioned.open(12);
      site.rig.cloud.manners[manner] = new Set([id(2)]);
      site.surveys.declare(site.round());
      expect(await site.told(6 * 3_600_000)).toMatchObject({ asked: 11, active: 11, differing: 0 });
    },
  );

  it("passes over a device that the cloud leaves out each time, and tells of the others", async () => {
    await using site = await Provisioned.open(5);
    site.rig.cloud.manners.leaveOut = new Set([id(2)]);
    site.surveys.declare(site.round());
    expect(await site.told()).toMatchObject({ asked: 4, active: 4, differing: 0 });
  });

  it("asks nobody while its lease is not fresh", async () => {
    await using site = await Provisioned.open(5);
    site.rig.mayAct = false;
    site.surveys.declare(site.round());
    await site.rig.pass(20_000);
    expect(site.questions).toEqual([]);
    expect(site.surveys.view(site.key).hindrance?.reason).toBe("LeaseNotRenewed");
    site.rig.mayAct = true;
    expect(await site.told()).toMatchObject({ asked: 5 });
  });

  it("is no less patient with a failing cloud for being asked for again and again", async () => {
    await using site = await Provisioned.open(5);
    site.rig.cloud.manners.throttle = {};
    for (let second = 0; second < 60; second += 1) {
      site.surveys.declare(site.round({ urgent: true, request: String(second) }));
      await site.rig.pass(1_000);
    }
    expect(site.questions.length).toBeGreaterThan(5);
    expect(site.questions.length).toBeLessThanOrEqual(13);
  });

  it("leaves the cloud alone after its request also where another takes its place", async () => {
    await using site = await Provisioned.open(40);
    const { rig } = site;
    rig.cloud.manners.latencyMs = 400;
    site.surveys.declare(site.round({ most: 30 }));
    await rig.until(() => site.questions.length === 1, 10_000);
    await rig.pass(500);
    site.surveys.declare(site.round({ urgent: true, request: "now" }));
    await rig.until(() => site.questions.length === 2, 60_000);
    site.surveys.withdraw(site.key);
    await rig.pass(300);
    site.surveys.declare(site.round({ urgent: true, request: "again" }));
    await rig.until(() => site.questions.length === 3, 60_000);
    const [first = 0, second = 0, third = 0] = site.questions.map(({ at }) => at);
    expect(second - first).toBeGreaterThanOrEqual(4_000);
    // It was broken off before it was answered.
    expect(third - second).toBeGreaterThanOrEqual(250);
  });

  it("ends when it is wanted no more", async () => {
    await using site = await Provisioned.open(40);
    site.rig.cloud.manners.latencyMs = 1_000;
    site.surveys.declare(site.round());
    await site.rig.until(() => site.questions.length === 1, 10_000);
    site.surveys.withdrawReel("d001");
    await site.rig.pass(120_000);
    expect(site.questions).toHaveLength(1);
    expect(site.result).toBeUndefined();
    expect(site.rig.cloud.inFlight).toBe(0);
  });
});

it("makes the rounds of a cloud one after the other, and first what somebody waits for", async () => {
  await using site = await Provisioned.open(20);
  const { rig } = site;
  rig.cloud.manners.latencyMs = 1_000;
  const others: PlacementSpec[] = [];
  for (const name of ["D002", "D003"]) {
    const spec = await rig.reel(name, manifestCsv(devices.slice(20, 40), { batchId: "D001" }));
    others.push({ ...spec, contents: { ...spec.contents, batchId: "D001" } });
  }
  for (const other of others) {
    rig.ferry.declare(other);
    await rig.ended(other, 60_000);
  }
  rig.cloud.maxInFlight = 0;
  const order: string[] = [];
  const surveys = [site.spec, ...others];
  site.surveys.declare(site.round());
  site.surveys.declare(site.round({}, surveys[1]));
  site.surveys.declare(site.round({ urgent: true }, surveys[2]));
  await rig.until(() => {
    for (const key of site.rig.checked) if (!order.includes(key)) order.push(key);
    return order.length === 3;
  }, 600_000);
  expect(order.map((key) => key.split("/")[0])).toEqual(["d001", "d003", "d002"]);
  expect(rig.cloud.maxInFlight).toBe(1);
});

it("does not let clouds that may be asked little hold up the rounds of others", async () => {
  await using site = await Provisioned.open(30);
  const { rig } = site;
  const slow: RoundSpec[] = [];
  for (const name of ["D002", "D003", "D004", "D005"]) {
    const spec = await rig.reel(name, manifestCsv(devices.slice(30, 60), { batchId: "D001" }));
    const other = {
      ...spec,
      contents: { ...spec.contents, batchId: "D001" },
      interop: { ...spec.interop, url: `https://${name}.example/` },
    };
    rig.ferry.declare(other);
    await rig.ended(other, 60_000);
    slow.push(site.round({ limits: { devicesPerSecond: 1 } }, other));
  }
  for (const round of slow) site.surveys.declare(round);
  await rig.pass(1_000);
  const startedAt = rig.clock.now();
  site.surveys.declare(site.round());
  const { toldAt } = await site.told();
  expect(toldAt - startedAt).toBeLessThan(60_000);
  await rig.until(() => slow.every(({ ledger }) => rig.checked.includes(placementKey(ledger))), 3_600_000);
  // Nobody was asked about twice for it.
  expect(site.questions.flatMap(({ refs }) => refs)).toHaveLength(150);
});
