import { Ground } from "../ground/ground.ts";
import type { QuotaManners } from "../cloud/quota.ts";
import type { BenchContext, Figure, Scenario } from "../scenario.ts";
import { paceFigures } from "./pace.ts";

const QUOTA = 100;
const WARM_UP_SECONDS = 40;
const WINDOW_SECONDS = 60;
const MANNERS = { devicesPerSecond: QUOTA, msPerDevice: 20, gatewayMs: 29_000 };

export const paceReal: Scenario = {
  name: "pace-real",
  about:
    "The operator as a process, in real time, into two clouds at once that admit 100 devices a second as those of " +
    "pace-429 and pace-hidden do, over HTTP; a minute is counted after forty seconds.",
  async run(context) {
    await using ground = await Ground.open(context);
    await ground.operator();
    const [refused, hidden] = await Promise.all([
      course(ground, "429", context),
      course(ground, "hidden", context),
    ]);
    return [...refused, ...hidden];
  },
};

async function course(
  ground: Ground,
  refusal: QuotaManners["refusal"],
  { quick, log }: BenchContext,
): Promise<Figure[]> {
  const warmUp = quick ? 3 : WARM_UP_SECONDS;
  const window = quick ? 3 : WINDOW_SECONDS;
  const stub = await ground.cloud(`cloud-${refusal}`, { quota: { ...MANNERS, refusal } });
  const reel = await ground.manifest(`REAL${refusal}`, QUOTA * (warmUp + window + 60));
  await stub.reset();
  await ground.bind(reel, [`cloud-${refusal}`]);
  while ((await stub.tally()).seconds.length <= warmUp + window) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const tally = await stub.tally();
  log(`${refusal}: ${tally.letIn} let in with ${tally.requests} requests`);
  return paceFigures(`${QUOTA}-${refusal}`, QUOTA, tally, { from: warmUp, seconds: window }).map((figure) =>
    renamed(figure, refusal),
  );
}

function renamed(figure: Figure, refusal: string): Figure {
  return { ...figure, what: `${refusal}, ${figure.what}` };
}
