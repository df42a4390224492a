import { expect, it } from "vitest";
import { Asking } from "./asking.ts";

const DAY_MS = 24 * 3_600_000;

it("a batch that is refused asks less and less often, some hundred times a day, and never later than in a quarter of an hour", () => {
  const asking = new Asking(() => 0);
  const waits: number[] = [];
  for (let now = 0; now < DAY_MS; now += waits.at(-1) ?? 0) waits.push(asking.delay("acme/b", "1", now));
  expect(waits.slice(0, 5)).toEqual([60_000, 60_000, 120_000, 240_000, 480_000]);
  expect(Math.max(...waits)).toBe(900_000);
  expect(waits.length).toBeLessThan(110);
});

it("other rules, and a batch that was let in meanwhile, begin anew", () => {
  const asking = new Asking(() => 0);
  asking.delay("acme/b", "1", 0);
  expect(asking.delay("acme/b", "1", DAY_MS)).toBe(900_000);
  expect(asking.delay("acme/b", "2", DAY_MS)).toBe(60_000);
  expect(asking.delay("acme/b", "2", 2 * DAY_MS)).toBe(900_000);
  asking.forget("acme/b");
  expect(asking.delay("acme/b", "2", 2 * DAY_MS)).toBe(60_000);
});

it("batches that were refused together do not come back together", () => {
  const chances = [0, 0.5, 0.999];
  const asking = new Asking(() => chances.shift() ?? 0);
  const waits = ["a", "b", "c"].map((key) => asking.delay(key, "1", 0));
  expect(new Set(waits).size).toBe(3);
  expect(Math.min(...waits)).toBeGreaterThan(40_000);
});
