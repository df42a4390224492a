import { setTimeout as sleep } from "node:timers/promises";
import { type Descriptors, descriptorsOf } from "./descriptors.ts";
import type { Ground } from "./ground.ts";
import type { Life, Operators } from "./operators.ts";

/** Longer than clouds keep a connection on which nothing is asked (5 s). */
const IDLE_MS = 6_500;
/** Connections to the API server live for half a minute after they were of use: a burst leaves some behind. */
const IDLE_API_CONNECTIONS = 32;
/** What a runtime may keep more at one time than at another. */
const SLACK = 3;

/** What calm operators have open, by whether they lead. */
export interface Calm {
  readonly leader: Descriptors | undefined;
  readonly standby: Descriptors | undefined;
}

/** Looks at operators to which nothing has happened yet. */
export async function observeCalm(operators: Operators): Promise<Calm> {
  const leader = await operators.leader();
  const standby = operators.alive.find((life) => life !== leader);
  return {
    leader: await descriptorsOf(leader.process.pid),
    standby: standby && (await descriptorsOf(standby.process.pid)),
  };
}

/** What operators that were through a run have open, and calm ones have not. */
export async function findLeaks(operators: Operators, ground: Ground, calm: Calm): Promise<string[]> {
  await sleep(IDLE_MS);
  const { leading } = operators;
  const found = await Promise.all(
    operators.alive.map((life) => leaksOf(life, ground, life === leading ? calm.leader : calm.standby)),
  );
  return found.flat();
}

async function leaksOf(life: Life, ground: Ground, before: Descriptors | undefined): Promise<string[]> {
  const now = await descriptorsOf(life.process.pid);
  if (now === undefined || before === undefined) return [];
  const leaks: string[] = [];
  const check = (what: string, count: number, most: number): void => {
    if (count > most) leaks.push(`${life.name} has ${count} ${what} open, and a calm one at most ${most}`);
  };
  check("listeners", now.listeners, before.listeners);
  check("files", now.files, before.files + SLACK);
  check("other descriptors", now.others, before.others + SLACK);
  for (const { plan, proxy } of ground.clouds) {
    // A probe may be on its way just now.
    check(`connections to ${plan.account}/${plan.name}`, now.connections.get(proxy.port) ?? 0, 1);
  }
  const api = Number(new URL(ground.field.plane.url).port);
  const most = (before.connections.get(api) ?? 0) + IDLE_API_CONNECTIONS;
  check("connections to the API server", now.connections.get(api) ?? 0, most);
  return leaks;
}
