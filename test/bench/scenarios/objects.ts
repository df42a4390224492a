import { EtcdGauge } from "../ground/etcd-size.ts";
import { Ground } from "../ground/ground.ts";
import { onePerDevice } from "../ground/per-device.ts";
import { atLeast, type Scenario } from "../scenario.ts";

const DEVICES = 5_000;
const MANY = 100_000;
const DEADLINE_MS = 300_000;

export const objects: Scenario = {
  name: "objects",
  about:
    "5,000 devices with an object each, as Crossplane's and ACK's controllers keep them (created, then a finalizer and " +
    "the name in the cloud, then a status; 16 at a time, no cloud is called and no rate limit holds), against a batch " +
    "of 5,000 devices that an operator takes into a cloud, from applied to Ready, on the same API server. In etcd: pages " +
    "in use, after a compaction before and after. A second batch of 100,000 tells what is left of the first one's " +
    "fixed cost.",
  async run(context) {
    const { quick, log } = context;
    const devices = quick ? 200 : DEVICES;
    await using ground = await Ground.open(context);
    const gauge = await EtcdGauge.of(ground.field);
    await ground.operator();
    await ground.cloud("cloud");
    const ours = async (batchId: string, count: number): Promise<{ seconds: number; bytes: number }> => {
      const reel = await ground.manifest(batchId, count);
      const { inUse } = await gauge.compacted();
      const started = performance.now();
      await ground.bind(reel, ["cloud"]);
      await ground.ready(reel, DEADLINE_MS);
      const seconds = (performance.now() - started) / 1_000;
      return { seconds, bytes: (await gauge.compacted()).inUse - inUse };
    };
    // Whatever is done for the first time is done before.
    await ours("WARMUP", devices);
    const small = await ours("SMALL", devices);
    const large = await ours("LARGE", quick ? devices : MANY);
    const before = await gauge.compacted();
    const seconds = await onePerDevice(ground.field.client, devices);
    const bytes = (await gauge.compacted()).inUse - before.inUse;
    log(
      `one each: ${seconds.toFixed(1)} s, ${bytes} bytes; ours: ${JSON.stringify(small)}, ${JSON.stringify(large)}`,
    );
    const largeDevices = quick ? devices : MANY;
    return [
      {
        name: "speed",
        what: "a batch of 5,000 against an object for each device",
        value: seconds / small.seconds,
        unit: "× faster",
        goal: atLeast(100),
      },
      {
        name: "etcd",
        what: "an object for each device against a batch, in etcd",
        value: bytes / Math.max(small.bytes, 1),
        unit: "× less",
        goal: atLeast(100),
      },
      {
        name: "speed-large",
        what: "the same for each device, with a batch of 100,000",
        value: seconds / devices / (large.seconds / largeDevices),
        unit: "× faster",
      },
      { name: "objects-rate", what: "an object each", value: devices / seconds, unit: "devices/s" },
      { name: "batch-rate", what: "a batch of 5,000", value: devices / small.seconds, unit: "devices/s" },
      {
        name: "objects-bytes",
        what: "an object each, in etcd",
        value: bytes / devices,
        unit: "bytes a device",
      },
      { name: "batch-bytes", what: "a batch of 5,000, in etcd", value: small.bytes, unit: "bytes in all" },
    ];
  },
};
