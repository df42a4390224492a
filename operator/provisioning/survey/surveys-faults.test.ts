import { describe, expect, it } from "vitest";
import { provisionedReels } from "../testing/provisioned.ts";

const { id, provisioned } = await provisionedReels(60);

describe("a round that cannot go on", () => {
  it("rests longer and longer, says why, and keeps nothing of it until it is whole", async () => {
    await using site = await provisioned(10);
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
    await using site = await provisioned(20);
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
    await using site = await provisioned(60, { devicesPerSecond: 5 });
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
      await using site = await provisioned(12);
      site.rig.cloud.manners[manner] = new Set([id(2)]);
      site.surveys.declare(site.round());
      expect(await site.told(6 * 3_600_000)).toMatchObject({ asked: 11, active: 11, differing: 0 });
    },
  );

  it("passes over a device that the cloud leaves out each time, and tells of the others", async () => {
    await using site = await provisioned(5);
    site.rig.cloud.manners.leaveOut = new Set([id(2)]);
    site.surveys.declare(site.round());
    expect(await site.told()).toMatchObject({ asked: 4, active: 4, differing: 0 });
  });

  it("asks nobody while its lease is not fresh", async () => {
    await using site = await provisioned(5);
    site.rig.mayAct = false;
    site.surveys.declare(site.round());
    await site.rig.pass(20_000);
    expect(site.questions).toEqual([]);
    expect(site.surveys.view(site.key).hindrance?.reason).toBe("LeaseNotRenewed");
    site.rig.mayAct = true;
    expect(await site.told()).toMatchObject({ asked: 5 });
  });

  it("is no less patient with a failing cloud for being asked for again and again", async () => {
    await using site = await provisioned(5);
    site.rig.cloud.manners.throttle = {};
    for (let second = 0; second < 60; second += 1) {
      site.surveys.declare(site.round({ urgent: true, request: String(second) }));
      await site.rig.pass(1_000);
    }
    expect(site.questions.length).toBeGreaterThan(5);
    expect(site.questions.length).toBeLessThanOrEqual(13);
  });

  it("leaves the cloud alone after its request also where another takes its place", async () => {
    await using site = await provisioned(40);
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
    await using site = await provisioned(40);
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
