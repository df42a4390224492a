import { NoLedgers } from "../ferry/no-ledgers.ts";
import { Sender } from "../ferry/sender.ts";
import { atLeast, type Scenario } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";

const LATENCY_MS = 50;
/** Few enough that eight in flight are no work for a processor: this is about waiting. */
const DEVICES_PER_REQUEST = 50;
const REQUESTS_ALONE = 40;
const TIMES = 8;

export const latency: Scenario = {
  name: "latency",
  about:
    "A callee that answers after 50 ms, requests of at most 50 devices, `limits.maxInFlight` 8 against 1. Sender and " +
    "callee share the processors, and this is about waiting: with 8 in flight these are up to 8,000 devices a second, " +
    "which leaves them idle half of the time; the operator's own request sizes would measure the processors. The " +
    "operator's ferry, reader and caller in the benchmark's process, the callee in another, over HTTP; progress is " +
    "kept in memory. Eight times as many devices are sent with 8 in flight, so that both take as long.",
  async run({ rounds, quick, log }) {
    await using sender = await Sender.open({ latencyMs: LATENCY_MS });
    const requests = quick ? 4 : REQUESTS_ALONE;
    const alone = await sender.manifest("ALONE", requests * DEVICES_PER_REQUEST);
    const many = await sender.manifest("MANY", requests * TIMES * DEVICES_PER_REQUEST);
    const limits = { maxDevicesPerRequest: DEVICES_PER_REQUEST };
    const pairs: { a: number; b: number }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const one = await sender.send(alone, new NoLedgers(), { ...limits, maxInFlight: 1 });
      const eight = await sender.send(many, new NoLedgers(), { ...limits, maxInFlight: TIMES });
      log(`round ${round}: 1 in flight ${one.toFixed(2)} s, 8 in flight ${eight.toFixed(2)} s`);
      if (round > 0) pairs.push({ a: many.devices / eight, b: alone.devices / one });
    }
    return [
      {
        name: "speedup",
        what: "8 in flight against 1",
        value: medianRatio(pairs),
        unit: "×",
        goal: atLeast(7),
      },
      { name: "rate-1", what: "1 in flight", value: median(pairs.map(({ b }) => b)), unit: "devices/s" },
      { name: "rate-8", what: "8 in flight", value: median(pairs.map(({ a }) => a)), unit: "devices/s" },
    ];
  },
};
