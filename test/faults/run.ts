import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../harness/index.ts";
import { ApiServerTrouble } from "./api-server.ts";
import { clearAway } from "./clear-away.ts";
import { disturb } from "./disturb.ts";
import { evidence, keep, type Happening } from "./evidence.ts";
import { Ground } from "./ground.ts";
import { takeInventory } from "./inventory.ts";
import { judge } from "./judge.ts";
import { type Calm, findLeaks, observeCalm } from "./leaks.ts";
import { Operators } from "./operators.ts";
import { perform } from "./perform.ts";
import { Person } from "./person.ts";
import { describe, type Schedule } from "./schedule.ts";
import { settle, unsettled } from "./settle.ts";
import { count, countClouds, countOperators, emptyTally, type Tally } from "./tally.ts";
import { judgeOperators } from "./witness.ts";

/** How one run went. */
export interface RunResult {
  readonly seed: number;
  /** What is not as it must be; nothing when all is well. */
  readonly violations: readonly string[];
  readonly tally: Tally;
}

/** After the last fault: pauses that have grown to their longest are a minute. */
const SETTLE_MS = 120_000;

/** Runs a schedule from beginning to end, and holds what is there then against what must be. */
export async function run(
  schedule: Schedule,
  log: (line: string) => void = () => {},
  { keep: folder }: { readonly keep?: string | undefined } = {},
): Promise<RunResult> {
  const tally = emptyTally();
  const violations: string[] = [];
  const ground = await Ground.open(schedule);
  const operators = new Operators(ground);
  const say = (what: string): void => log(`seed ${schedule.seed}: ${what}`);
  try {
    say("the ground is laid");
    await operators.open();
    const calm = await whenAllIsCalm(ground, operators);
    say("all is calm; faults begin");
    const person = new Person(ground);
    const happenings = await live(ground, operators, person, tally);
    say("faults have ceased");
    await operators.complete();
    const settled = await settle(ground, person, SETTLE_MS);
    tally.settledMs = settled.ms;
    say(`settled after ${(settled.ms / 1_000).toFixed(1)} s`);
    violations.push(...settled.open.map((what) => `not settled after ${SETTLE_MS / 1_000} s: ${what}`));
    const found = judge(settled.inventory, ground);
    violations.push(...found.violations);
    violations.push(...(await evidence(found.suspects, { ground, operators, happenings })));
    const { inventory } = settled;
    if (folder !== undefined) await keep(folder, { ground, operators, inventory });
    tally.expected = found.expected;
    tally.lost = found.lost;
    tally.strays = found.strays;
    violations.push(...(await findLeaks(operators, ground, calm)));
    violations.push(...(await clearAway(ground, person, SETTLE_MS)));
    for (const [deed, times] of person.deeds) count(tally.deeds, `afterwards: ${deed}`, times);
    await operators.close();
    violations.push(...(await judgeOperators(operators.lives, ground.audit)));
    countClouds(tally, ground);
    countOperators(tally, operators);
    tally.runs = 1;
  } catch (error) {
    violations.push(`the run broke off: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
    const inventory = await takeInventory(ground.field).catch(() => undefined);
    if (inventory !== undefined) violations.push(...unsettled(inventory, ground));
    if (inventory !== undefined && folder !== undefined) await keep(folder, { ground, operators, inventory });
  } finally {
    await operators.close().catch(() => undefined);
    await ground.close();
  }
  return { seed: schedule.seed, violations, tally };
}

/** Every CloudApi was probed, and the connections for that are idle. */
async function whenAllIsCalm(ground: Ground, operators: Operators): Promise<Calm> {
  for (const { plan } of ground.clouds) await ground.field.awaitApi(plan.account, plan.name, "True");
  await eventually(() => operators.alive.length === 2);
  return observeCalm(operators);
}

/**
 * Deeds and disturbances, each at its time; returns when all are done and everything is put right.
 * @returns what took place
 */
async function live(
  ground: Ground,
  operators: Operators,
  person: Person,
  tally: Tally,
): Promise<readonly Happening[]> {
  const { schedule } = ground;
  const started = performance.now();
  const until = (at: number): Promise<void> => sleep(Math.max(0, at - (performance.now() - started)));
  const cease = new AbortController();
  const apiServer = new ApiServerTrouble(ground);
  const deps = { ground, operators, apiServer, ceased: cease.signal, faults: tally.faults };

  const happenings: Happening[] = [];
  const took = (what: string): void => void happenings.push({ at: Date.now(), what });

  const disturbances = schedule.disturbances.map(async ({ at, disturbance }) => {
    await until(at);
    const what = describe(disturbance);
    took(`begins: ${what}`);
    await disturb(disturbance, deps);
    if ("ms" in disturbance) took(`ends: ${what}`);
  });
  const deeds = schedule.accounts.map(async (account) => {
    for (const { at, deed, account: whose } of schedule.deeds) {
      if (whose !== account) continue;
      await until(at);
      await perform(account, deed, ground);
      took(`${account} has done: ${describe(deed)}`);
      count(tally.deeds, deed.do);
    }
  });
  const allDone = Promise.all(deeds);
  // Awaited at the end; what fails before that is told then.
  allDone.catch(() => undefined);
  const timer = until(schedule.profile.durationMs).then(() => cease.abort());
  await Promise.all([...disturbances, timer]);
  took("faults have ceased");
  for (const { cloud, manners } of ground.clouds) {
    cloud.heal();
    cloud.manners = manners;
  }
  // A CloudApi is added again when it is gone, and for that a person may have to give up what its cloud cannot do.
  await person.lookUntil(allDone);
  return happenings;
}
