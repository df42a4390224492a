import { describe, expect, it } from "vitest";
import { Goodput } from "./goodput.ts";

describe("Goodput", () => {
  it("is nothing before the first device", () => {
    expect(new Goodput().perSecond(1_000)).toBe(0);
  });

  it("is what went in over the last ten seconds, or since the first", () => {
    const goodput = new Goodput();
    for (let second = 0; second <= 30; second += 1) goodput.add(5, second * 1_000);
    expect(Math.abs(goodput.perSecond(30_000) - 5)).toBeLessThan(0.5);
    expect(goodput.perSecond(35_000)).toBeLessThan(3.5);
    expect(goodput.perSecond(41_000)).toBe(0);
    goodput.add(4, 50_000);
    expect(goodput.perSecond(52_000)).toBe(2);
  });

  it("is not absurd just after the first", () => {
    const goodput = new Goodput();
    goodput.add(20, 1_000);
    expect(goodput.perSecond(1_001)).toBe(20);
  });
});
