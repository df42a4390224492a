import { Ground } from "../ground/ground.ts";
import type { QuotaManners } from "../cloud/quota.ts";
import type { BenchContext, Figure, Scenario } from "../scenario.ts";
import { COURSES, type Course, GATEWAY_MS, paceFigures } from "./pace.ts";

const WARM_UP_SECONDS = 60;
const WINDOW_SECONDS = 60;
const REFUSALS = ["429", "hidden"] as const;

export const paceReal: Scenario = {
  name: "pace-real",
  about:
    "The operator as a process, in real time, into six clouds at once that admit 10, 15 and 100 devices a second as " +
    "those of pace-429 and pace-hidden do, over HTTP; a minute is counted after a minute.",
  async run(context) {
    await using ground = await Ground.open(context);
    await ground.operator();
    const all = REFUSALS.flatMap((refusal) => COURSES.map((course) => run(ground, course, refusal, context)));
    return (await Promise.all(all)).flat();
  },
};

async function run(
  ground: Ground,
  { devicesPerSecond, msPerDevice }: Course,
  refusal: QuotaManners["refusal"],
  { quick, log }: BenchContext,
): Promise<Figure[]> {
  const warmUp = quick ? 3 : WARM_UP_SECONDS;
  const window = quick ? 3 : WINDOW_SECONDS;
  const name = `${devicesPerSecond}-${refusal}`;
  const quota = { devicesPerSecond, msPerDevice, gatewayMs: GATEWAY_MS, refusal };
  const stub = await ground.cloud(`cloud-${name}`, { quota });
  const reel = await ground.manifest(`REAL${name}`, devicesPerSecond * (warmUp + window + 60));
  await stub.reset();
  await ground.bind(reel, [`cloud-${name}`]);
  while ((await stub.tally()).seconds.length <= warmUp + window) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const tally = await stub.tally();
  const tens = Array.from({ length: Math.floor(tally.seconds.length / 10) }, (_, at) =>
    tally.seconds.slice(at * 10, at * 10 + 10).reduce((sum, { letIn }) => sum + letIn, 0),
  );
  log(`${name}: ${tally.requests} requests; let in each ten seconds: ${tens.join(" ")}`);
  const ofRefusal = (figure: Figure): Figure => ({ ...figure, what: `${refusal}, ${figure.what}` });
  return paceFigures(name, devicesPerSecond, tally, { from: warmUp, seconds: window }).map(ofRefusal);
}
