import { expect, it } from "vitest";
import { GATEWAY_MS } from "../scenarios/pace.ts";
import { simulate } from "./simulation.ts";

// The first answers of a cloud that hides its refusals come late and in bunches: with these seeds the pace took their
// rate for the quota, or a refusal for what had been sent before, and kept a third below the quota for a minute.
it.each([10, 14, 16, 30])("the second minute is at the quota, whatever chance does (%i)", async (seed) => {
  const manners = {
    devicesPerSecond: 10,
    refusal: "hidden",
    msPerDevice: 50,
    gatewayMs: GATEWAY_MS,
  } as const;
  const { seconds } = await simulate(manners, 125, seed);
  const minute = seconds.slice(60, 120).reduce((sum, { letIn }) => sum + letIn, 0);
  expect(minute).toBeGreaterThan(0.95 * 600);
});

it.each([60, 130])(
  "a busy machine, whose timers fire up to %i ms late, reaches the quota",
  async (lateMs) => {
    const manners = {
      devicesPerSecond: 100,
      refusal: "hidden",
      msPerDevice: 20,
      gatewayMs: GATEWAY_MS,
    } as const;
    const { seconds } = await simulate(manners, 125, 2, lateMs);
    const minute = seconds.slice(60, 120).reduce((sum, { letIn }) => sum + letIn, 0);
    expect(minute).toBeGreaterThan(0.95 * 6_000);
  },
);
