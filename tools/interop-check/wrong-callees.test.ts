import { describe, expect, it } from "vitest";
import { CHECKS } from "./checks/index.ts";
import { check, named, startCallee } from "./testing/callee.ts";
import { WRONG_CALLEES } from "./testing/wrong-callees.ts";

const groupOf = (name: string): string => name.slice(0, name.indexOf(".") + 1);

describe("a callee that", () => {
  it.each(WRONG_CALLEES)("$what", async ({ setup, fails }) => {
    await using callee = await startCallee(setup);
    const outcome = await check(callee, { only: [...new Set(fails.map(groupOf))] });
    expect(
      named(outcome, "fail"),
      JSON.stringify(outcome.results.filter(({ verdict }) => verdict === "fail")),
    ).toEqual(fails);
    expect(outcome.conforms).toBe(false);
  });

  it("is wrong in any way is caught: no MUST is without a callee that breaks it", () => {
    const caught = new Set(WRONG_CALLEES.flatMap(({ fails }) => fails));
    const musts = CHECKS.filter(({ level }) => level === "must").map(({ name }) => name);
    expect(musts.filter((name) => !caught.has(name))).toEqual([]);
    expect([...caught].filter((name) => !musts.some((must) => must === name))).toEqual([]);
  });
});
