import { describe, expect, it } from "vitest";
import type { PlacementSpec } from "./placement-spec.ts";
import { Crossing } from "./testing/crossing.ts";

async function amidLargeOnes(devicesPerSecond: number, large: number): Promise<Crossing> {
  const crossing = new Crossing({ devicesPerSecond, latencyMs: 50, refusal: "hidden" }, 5);
  for (let i = 0; i < large; i += 1) crossing.reel(`large-${i}`, 1_000_000);
  await crossing.pass(90);
  return crossing;
}

describe("batches that share a cloud", () => {
  it.each([
    { devicesPerSecond: 100, large: 1, withinS: 2 },
    { devicesPerSecond: 100, large: 20, withinS: 4 },
    { devicesPerSecond: 10, large: 1, withinS: 4 },
    // Nine share ten a second, so that ten devices take nine seconds.
    { devicesPerSecond: 10, large: 20, withinS: 12 },
  ])(
    "lets a batch of ten through within $withinS s amid $large of a million at $devicesPerSecond a second",
    async ({ devicesPerSecond, large, withinS }) => {
      const crossing = await amidLargeOnes(devicesPerSecond, large);
      for (const name of ["small-1", "small-2", "small-3"]) {
        const spec = crossing.reel(name, 10);
        expect(await crossing.ended(spec, 60)).toBeLessThanOrEqual(withinS);
        await crossing.pass(7);
      }
    },
  );

  it("shares evenly, and lets all of them come to their turn", async () => {
    const crossing = new Crossing({ devicesPerSecond: 100, latencyMs: 50 }, 5);
    const specs = Array.from({ length: 12 }, (_, i) => crossing.reel(`large-${i}`, 1_000_000));
    await crossing.pass(300);
    const shares = specs.map(
      ({ ledger }) =>
        [...crossing.cloud.devices].filter((device) => device.startsWith(`${ledger.reel}-`)).length,
    );
    expect(Math.min(...shares)).toBeGreaterThan(Math.max(...shares) / 3);
  });

  it("says that a batch waits for its turn, that the cloud throttles, or what people allow", async () => {
    const crossing = new Crossing({ devicesPerSecond: 10, latencyMs: 50 }, 5);
    const specs = Array.from({ length: 9 }, (_, i) => crossing.reel(`large-${i}`, 1_000_000));
    await crossing.pass(20);
    const by = specs.map((spec) => crossing.progress(spec)?.limitedBy?.by);
    expect(by.filter((each) => each === "CloudThrottling")).toHaveLength(8);
    expect(by.filter((each) => each === "Turn")).toHaveLength(1);
    const ceiling = new Crossing({ latencyMs: 50 }, 5);
    const spec = ceiling.reel("large", 1_000_000, { limits: { devicesPerSecond: 5 } });
    await ceiling.pass(20);
    expect(ceiling.progress(spec)?.limitedBy?.by).toBe("Limits");
    const free = new Crossing({ latencyMs: 500 }, 5);
    const unlimited = free.reel("large", 1_000_000);
    await free.pass(20);
    expect(free.progress(unlimited)?.limitedBy).toBeUndefined();
  });
});

describe("a cloud that is dead", () => {
  async function beside(): Promise<{
    crossing: Crossing;
    dead: ReturnType<Crossing["anotherCloud"]>;
    spec: PlacementSpec;
  }> {
    const crossing = new Crossing({ devicesPerSecond: 200, latencyMs: 50 }, 1);
    const dead = crossing.anotherCloud("dead", { dead: true, latencyMs: 50 });
    crossing.reel("a", 500_000);
    return { crossing, dead, spec: crossing.reel("b", 1_000, {}, "dead") };
  }

  it("slows no other, is tried with one device now and then, and says when next", async () => {
    const { crossing, dead, spec } = await beside();
    await crossing.pass(120);
    const { goodput } = await crossing.pass(60);
    expect(goodput).toBeGreaterThanOrEqual(190);
    expect(dead.requests.length).toBeLessThan(25);
    expect(dead.requests.slice(-5).every(({ devices }) => devices === 1)).toBe(true);
    const { limitedBy } = crossing.progress(spec) ?? {};
    expect(limitedBy?.by).toBe("Unreachable");
    expect(limitedBy?.nextTryAt).toBeGreaterThan(crossing.clock.now());
  });

  it("is used within a minute after it came back, and at once when somebody else saw it", async () => {
    const { crossing, dead, spec } = await beside();
    await crossing.pass(200);
    dead.change({ dead: false });
    expect(await crossing.ended(spec, 120)).toBeLessThan(75);

    const again = await beside();
    await again.crossing.pass(200);
    again.dead.change({ dead: false });
    again.crossing.reel("c", 10, {}, "dead");
    expect(await again.crossing.ended(again.spec, 120)).toBeLessThan(15);
  });
});

describe("devices that a cloud refuses for ever with the text of a busy one", () => {
  const unwanted = (ref: string): boolean => Number(ref.split("-").at(-1)) % 4 === 0;

  it("do not slow down the others of their reel, a quarter of it though they are", async () => {
    const crossing = new Crossing({ latencyMs: 50, unwanted }, 3);
    const spec = crossing.reel("week-45", 8_000);
    await crossing.pass(15);
    expect(crossing.cloud.devices.size).toBe(6_000);
    await crossing.ended(spec, 600);
    expect(crossing.progress(spec)?.failures).toHaveLength(10);
    const { counts } = crossing.ledgers.list()[0]?.spec ?? {};
    expect(counts).toMatchObject({ provisioned: 6_000, failed: 2_000, pending: 0 });
  });

  it("are told from a quota beside them, and asked for again when that is wanted", async () => {
    const crossing = new Crossing({ devicesPerSecond: 100, latencyMs: 50, unwanted }, 3);
    const spec = crossing.reel("week-45", 6_000);
    await crossing.pass(30);
    const { goodput } = await crossing.pass(30);
    expect(goodput).toBeGreaterThan(60);
    await crossing.ended(spec, 900);
    expect(crossing.ledgers.list()[0]?.spec.counts).toMatchObject({ provisioned: 4_500, failed: 1_500 });
    crossing.cloud.change({ unwanted: () => false, devicesPerSecond: Infinity });
    const wanted = { ...spec, request: "now" };
    crossing.ferry.declare(wanted);
    await crossing.ended(wanted, 300);
    expect(crossing.ledgers.list()[0]?.spec.counts).toMatchObject({ provisioned: 6_000, failed: 0 });
  });
});

it("takes devices out at the same pace", async () => {
  const crossing = new Crossing({ latencyMs: 50 }, 3);
  const spec = crossing.reel("week-45", 20_000);
  await crossing.ended(spec, 60);
  crossing.cloud.change({ devicesPerSecond: 100, refusal: "429" });
  crossing.ferry.declare({ ...spec, direction: "out" });
  await crossing.pass(60);
  const { goodput, again } = await crossing.pass(100);
  expect(goodput).toBeGreaterThanOrEqual(95);
  expect(again).toBeLessThanOrEqual(0.02);
});
