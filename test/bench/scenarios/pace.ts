import type { Tallied } from "../callee/tally.ts";
import type { QuotaManners } from "../cloud/quota.ts";
import { simulate } from "../ferry/simulation.ts";
import { atLeast, atMost, type Figure, type Scenario } from "../scenario.ts";

export const GOODPUT_GOAL = atLeast(0.95);
export const AGAIN_GOAL = atMost(0.02);

export interface Course {
  readonly devicesPerSecond: number;
  readonly msPerDevice: number;
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
}

/** AWS IoT's default for RegisterCertificateWithoutCA, for CreateThing, and one that was raised. */
export const COURSES: readonly Course[] = [
  { devicesPerSecond: 10, msPerDevice: 50, warmUpSeconds: 180, windowSeconds: 1_200 },
  { devicesPerSecond: 15, msPerDevice: 50, warmUpSeconds: 180, windowSeconds: 1_200 },
  { devicesPerSecond: 100, msPerDevice: 20, warmUpSeconds: 180, windowSeconds: 600 },
];

/** API Gateway's. */
export const GATEWAY_MS = 29_000;

const ABOUT_THE_CLOUD =
  "a cloud that admits 10, 15 or 100 devices a second (a second's worth may come at once), whose callee works on a " +
  "request's devices one after the other (50, 50 and 20 ms each) behind a gateway that gives up after 29 s while the " +
  "function goes on. Counted after three minutes, for 20, 20 and 10 minutes. The ferry is the operator's own, on a " +
  "clock that is moved from timer to timer, so that it comes out the same each time; its reels stand in no file.";

export const pace429: Scenario = {
  name: "pace-429",
  about: `Against ${ABOUT_THE_CLOUD} A request for whose devices there is no room is refused as a whole with 429, without Retry-After.`,
  run: ({ quick, log }) => run("429", quick, log),
};

export const paceHidden: Scenario = {
  name: "pace-hidden",
  about: `Against ${ABOUT_THE_CLOUD} What is above the quota is asked for three times in all, with the pauses of AWS's SDK, and then fails with v1's text in an answer of 200.`,
  run: ({ quick, log }) => run("hidden", quick, log),
};

async function run(
  refusal: QuotaManners["refusal"],
  quick: boolean,
  log: (message: string) => void,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const course of quick ? COURSES.slice(0, 1) : COURSES) {
    const { devicesPerSecond, msPerDevice } = course;
    const warmUp = quick ? 30 : course.warmUpSeconds;
    const window = quick ? 60 : course.windowSeconds;
    const manners = { devicesPerSecond, refusal, msPerDevice, gatewayMs: GATEWAY_MS };
    const tally = await simulate(manners, warmUp + window);
    const name = String(devicesPerSecond);
    log(`${name}/s: ${tally.letIn} let in with ${tally.requests} requests`);
    figures.push(...paceFigures(name, devicesPerSecond, tally, { from: warmUp, seconds: window }));
  }
  return figures;
}

/** Goodput, repetitions and timeouts of the seconds `from` to `from + seconds` after the first request. */
export function paceFigures(
  name: string,
  quota: number,
  { seconds: all }: Pick<Tallied, "seconds">,
  window: { readonly from: number; readonly seconds: number },
): Figure[] {
  const seconds = all.slice(window.from, window.from + window.seconds);
  const sum = (of: "came" | "again" | "letIn" | "timedOut"): number =>
    seconds.reduce((total, second) => total + second[of], 0);
  const goodput = sum("letIn") / window.seconds / quota;
  return [
    {
      name: `goodput-${name}`,
      what: `${quota}/s: share of the quota that is used`,
      value: goodput,
      unit: "",
      goal: GOODPUT_GOAL,
    },
    {
      name: `again-${name}`,
      what: `${quota}/s: share of devices that had been sent before`,
      value: sum("again") / Math.max(1, sum("came")),
      unit: "",
      goal: AGAIN_GOAL,
    },
    {
      name: `timeouts-${name}`,
      what: `${quota}/s: requests that the gateway gave up`,
      value: sum("timedOut"),
      unit: "",
      goal: atMost(0),
    },
  ];
}
