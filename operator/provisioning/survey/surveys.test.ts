import { describe, expect, it } from "vitest";
import { manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey, type PlacementSpec } from "../placement-spec.ts";
import { provisionedReels } from "../testing/provisioned.ts";
import type { RoundSpec } from "./surveys.ts";

const { devices, id, provisioned } = await provisionedReels(60);

describe("a round", () => {
  it("tells how many of the devices that are called provisioned are known and let in, and which are not", async () => {
    await using site = await provisioned(40);
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
    await using site = await provisioned(40);
    site.rig.cloud.devices.clear();
    site.surveys.declare(site.round());
    const { differing, differences, active } = await site.told();
    expect([active, differing]).toEqual([0, 40]);
    expect(differences.map(({ device }) => device)).toEqual(
      devices.slice(0, 10).map((each) => each.deviceId),
    );
  });

  it("asks about so many as it may, and about others the next time", async () => {
    await using site = await provisioned(40);
    for (let round = 0; round < 4; round += 1) {
      site.surveys.declare(site.round({ most: 10, round }));
      expect(await site.told()).toMatchObject({ asked: 10, rounds: round + 1 });
      site.surveys.written(site.key);
    }
    expect(new Set(site.questions.flatMap(({ refs }) => refs)).size).toBe(40);
  });

  it("uses a tenth of the time where nobody knows what the cloud takes, with one request at a time", async () => {
    await using site = await provisioned(60);
    site.rig.cloud.manners.latencyMs = 400;
    site.rig.cloud.maxInFlight = 0;
    site.surveys.declare(site.round());
    await site.told();
    expect(site.rig.cloud.maxInFlight).toBe(1);
    const [first, second, third] = site.questions.map(({ at }) => at);
    expect([(second ?? 0) - (first ?? 0), (third ?? 0) - (second ?? 0)]).toEqual([4_000, 4_000]);
  });

  it("uses a tenth of what people allow", async () => {
    await using site = await provisioned(40);
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
    await using site = await provisioned(60, { devicesPerSecond: 5 });
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
    await using site = await provisioned(40);
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
  await using site = await provisioned(20);
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

it("makes the rounds of a cloud one after the other, and first what somebody waits for", async () => {
  await using site = await provisioned(20);
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
  await using site = await provisioned(30);
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
