import { describe, expect, it } from "vitest";
import { describeSchedule, LONG, makeSchedule, type Profile, SHORT } from "./schedule.ts";

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

describe("a schedule", () => {
  it("is the same for the same seed, and another for another", () => {
    for (const seed of SEEDS) expect(makeSchedule(seed, SHORT)).toEqual(makeSchedule(seed, SHORT));
    const texts = SEEDS.map((seed) => describeSchedule(makeSchedule(seed, SHORT)).join("\n"));
    expect(new Set(texts).size).toBe(SEEDS.length);
  });

  it("leaves nothing suspended or removed at the end, and binds no name twice", () => {
    for (const seed of SEEDS) {
      const { deeds, accounts } = makeSchedule(seed, LONG);
      for (const account of accounts) {
        const open = new Set<string>();
        const names: string[] = [];
        for (const { deed } of deeds.filter((each) => each.account === account)) {
          if (deed.do === "suspend CloudApi" || deed.do === "suspend batch") {
            const what = deed.do === "suspend batch" ? deed.batch : deed.cloud;
            if (deed.suspend) open.add(what);
            else open.delete(what);
          }
          if (deed.do === "unbind") open.delete(deed.batch);
          if (deed.do === "remove CloudApi") open.add(deed.cloud);
          if (deed.do === "add CloudApi") open.delete(deed.cloud);
          if (deed.do === "bind") names.push(deed.batch);
        }
        expect([...open], `seed ${seed}, ${account}`).toEqual([]);
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });

  it("has all deeds and all disturbances in it, over some seeds", () => {
    const seen = new Set(
      SEEDS.flatMap((seed) => {
        const { deeds, disturbances } = makeSchedule(seed, SHORT);
        return [
          ...deeds.map(({ deed }) => deed.do),
          ...disturbances.map(({ disturbance }) => disturbance.do),
        ];
      }),
    );
    expect(seen.size).toBe(11 + 9);
  });

  it("stops the leader for longer than its lease in some of the short seeds, and in all long ones", () => {
    const stopped = (seed: number, profile: Profile): boolean =>
      makeSchedule(seed, profile).disturbances.some(
        ({ disturbance }) => disturbance.do === "operator stopped" && disturbance.ms > 15_000,
      );
    const short = SEEDS.filter((seed) => stopped(seed, SHORT));
    expect(short.length).toBeGreaterThan(SEEDS.length / 5);
    expect(short.length).toBeLessThan(SEEDS.length / 1.5);
    expect(SEEDS.filter((seed) => stopped(seed, LONG))).toEqual(SEEDS);
  });
});
