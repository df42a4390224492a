import { join } from "node:path";
import { Ground } from "../ground/ground.ts";
import { peakMemoryMiB } from "../process-figures.ts";
import { cachedManifest, type MintedReel } from "../reels/manifest-file.ts";
import { atMost, type BenchContext, type Scenario } from "../scenario.ts";

const SMALL = 10_000;
const LARGE = 1_000_000;
const DEADLINE_MS = 20 * 60_000;

export const memory: Scenario = {
  name: "memory",
  about:
    "The most memory that the operator's process had at once (VmHWM) when a reel was Ready: one of 10,000 and one of a " +
    "million, each with an operator of its own, from files.",
  async run(context) {
    const { quick, cacheDir, log } = context;
    await using ground = await Ground.open(context);
    const small = await cachedManifest(reelOf(cacheDir, quick ? 1_000 : SMALL));
    const large = await cachedManifest(reelOf(cacheDir, quick ? 20_000 : LARGE));
    const [little, seconds] = await peakOf(ground, small, context);
    log(`${small.devices} devices: ${Math.round(little)} MiB, ${Math.round(seconds)} s`);
    const [much, longer] = await peakOf(ground, large, context);
    log(`${large.devices} devices: ${Math.round(much)} MiB, ${Math.round(longer)} s`);
    return [
      {
        name: "growth",
        what: "peak with a million devices, less that with 10,000",
        value: much - little,
        unit: "MiB",
        goal: atMost(64),
      },
      { name: "peak", what: "peak with a million devices", value: much, unit: "MiB", goal: atMost(256) },
      {
        name: "rate",
        what: "a million devices, from applied to Ready",
        value: large.devices / longer,
        unit: "devices/s",
      },
    ];
  },
};

function reelOf(cacheDir: string, devices: number): MintedReel {
  const batchId = `MEMORY${devices}`;
  return { batchId, devices, path: join(cacheDir, `${batchId.toLowerCase()}.csv`) };
}

async function peakOf(
  ground: Ground,
  reel: MintedReel,
  { cacheDir }: BenchContext,
): Promise<[mebibytes: number, seconds: number]> {
  const operator = await ground.operator({ manifestRoot: cacheDir });
  const cloud = `cloud-${reel.devices}`;
  await using _stub = await ground.cloud(cloud);
  const started = performance.now();
  await ground.bind(reel, [cloud]);
  await ground.ready(reel, DEADLINE_MS);
  const seconds = (performance.now() - started) / 1_000;
  const peak = await peakMemoryMiB(operator.pid);
  await operator.stop();
  return [peak, seconds];
}
