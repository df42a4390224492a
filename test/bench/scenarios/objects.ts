import { EtcdGauge } from "../ground/etcd-size.ts";
import { Ground } from "../ground/ground.ts";
import { onePerDevice } from "../ground/per-device.ts";
import { atLeast, type Scenario } from "../scenario.ts";
import { median } from "../statistics.ts";

const DEVICES = 5_000;
const MANY = 100_000;
/** bbolt's, of which the figures are made. */
const PAGE_BYTES = 4_096;
const DEADLINE_MS = 300_000;

export const objects: Scenario = {
  name: "objects",
  about:
    "5,000 devices with an object each, as Crossplane's controllers keep them (created, three updates, two statuses; ten " +
    "at a time as they are shipped; no cloud is called and no rate limit holds), against batches of 5,000 devices that " +
    "an operator takes into a cloud, each from applied to Ready (the median), on the same API server. In etcd: pages in " +
    "use, after a compaction before and after all of these batches. One of 100,000 tells what is left of the fixed cost.",
  async run(context) {
    const { quick, log, rounds } = context;
    const devices = quick ? 200 : DEVICES;
    const many = quick ? devices : MANY;
    await using ground = await Ground.open(context);
    const gauge = await EtcdGauge.of(ground.field);
    await ground.operator();
    await ground.cloud("cloud");
    const batch = async (batchId: string, count: number): Promise<number> => {
      const reel = await ground.manifest(batchId, count);
      const started = performance.now();
      await ground.bind(reel, ["cloud"]);
      await ground.ready(reel, DEADLINE_MS);
      return (performance.now() - started) / 1_000;
    };
    // Whatever is done for the first time is done before.
    await batch("WARMUP", devices);
    const before = await gauge.compacted();
    const small: number[] = [];
    for (let round = 1; round <= rounds; round += 1) small.push(await batch(`SMALL${round}`, devices));
    const between = await gauge.compacted();
    // Less than a page cannot be told.
    const batchBytes = Math.max(between.inUse - before.inUse, PAGE_BYTES) / rounds;
    const batchSeconds = median(small);
    const large = await batch("LARGE", many);
    const start = await gauge.compacted();
    const seconds = await onePerDevice(ground.field.client, devices);
    const bytes = (await gauge.compacted()).inUse - start.inUse;
    log(`one each: ${seconds.toFixed(1)} s; batches: ${small.map((each) => each.toFixed(2)).join(", ")} s`);
    return [
      {
        name: "speed",
        what: "a batch of 5,000 against an object for each device",
        value: seconds / batchSeconds,
        unit: "× faster",
        goal: atLeast(100),
      },
      {
        name: "etcd",
        what: "an object for each device against a batch, in etcd",
        value: bytes / batchBytes,
        unit: "× less",
        goal: atLeast(100),
      },
      {
        name: "speed-large",
        what: "the same for each device, with a batch of 100,000",
        value: seconds / devices / (large / many),
        unit: "× faster",
      },
      { name: "objects-rate", what: "an object each", value: devices / seconds, unit: "devices/s" },
      { name: "batch-rate", what: "a batch of 5,000", value: devices / batchSeconds, unit: "devices/s" },
      {
        name: "objects-bytes",
        what: "an object each, in etcd",
        value: bytes / devices,
        unit: "bytes a device",
      },
      { name: "batch-bytes", what: "a batch of 5,000, in etcd", value: batchBytes, unit: "bytes in all" },
    ];
  },
};
