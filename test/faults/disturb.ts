import { setTimeout as sleep } from "node:timers/promises";
import type { Manners } from "../clouds/index.ts";
import type { ApiServerTrouble } from "./api-server.ts";
import type { Ground, GroundCloud } from "./ground.ts";
import type { Operators } from "./operators.ts";
import type { Disturbance } from "./schedule.ts";
import { count } from "./tally.ts";

export interface DisturbDeps {
  readonly ground: Ground;
  readonly operators: Operators;
  readonly apiServer: ApiServerTrouble;
  /** Aborted when everything is to be well again. */
  readonly ceased: AbortSignal;
  /** What took place, by kind; faults of single requests are counted where they are met. */
  readonly faults: Record<string, number>;
}

/** Has something go wrong, and put right again after its time. */
export async function disturb(disturbance: Disturbance, deps: DisturbDeps): Promise<void> {
  const { operators, apiServer, ceased, faults } = deps;
  const note = (took: boolean, what: string): void => {
    if (took) count(faults, what);
  };
  switch (disturbance.do) {
    case "cloud fault": {
      const { cloud } = cloudAt(disturbance.cloud, deps);
      cloud.fail(disturbance.fault, { times: disturbance.times, on: disturbance.on });
      return;
    }
    case "cloud manners":
      return misbehave(cloudAt(disturbance.cloud, deps), disturbance, deps);
    case "cloud down": {
      const { cloud } = cloudAt(disturbance.cloud, deps);
      await cloud.down();
      note(true, "cloud: down");
      await pause(disturbance.ms, ceased);
      return cloud.up();
    }
    case "toxic": {
      const { proxy } = cloudAt(disturbance.cloud, deps);
      const { toxic, stream } = disturbance;
      const remove = await proxy.add(toxic, stream);
      note(true, `on the way: ${toxic.type} ${stream}`);
      await pause(disturbance.ms, ceased);
      return remove();
    }
    case "API server killed":
      return note(await apiServer.kill(disturbance.ms, ceased), "API server: SIGKILL and a new start");
    case "API server paused":
      return note(await apiServer.pause(disturbance.ms, ceased), "API server: SIGSTOP and SIGCONT");
    case "operator killed":
      return note(await operators.kill(disturbance.role), `operator: SIGKILL of the ${disturbance.role}`);
    case "operator terminated":
      return note(
        await operators.terminate(disturbance.role),
        `operator: SIGTERM of the ${disturbance.role}`,
      );
    case "operator stopped": {
      const { role, ms } = disturbance;
      const long = ms > 15_000 ? ", longer than the lease" : "";
      return note(
        await operators.stop(role, ms, ceased),
        `operator: SIGSTOP and SIGCONT of the ${role}${long}`,
      );
    }
    default:
      throw new Error(`nobody knows how to do ${JSON.stringify(disturbance satisfies never)}`);
  }
}

/** Several manners may overlap: each is taken off alone. */
async function misbehave(
  { cloud, manners }: GroundCloud,
  disturbance: Extract<Disturbance, { do: "cloud manners" }>,
  { ground, ceased }: DisturbDeps,
): Promise<void> {
  const { leaveOutEvery } = disturbance;
  const bad: Manners = {
    ...disturbance.manners,
    ...(leaveOutEvery === undefined ? {} : { leaveOut: everyNth(ground, leaveOutEvery) }),
  };
  cloud.manners = { ...cloud.manners, ...bad };
  await pause(disturbance.ms, ceased);
  const left = Object.entries(cloud.manners).filter(([name]) => !(name in bad));
  cloud.manners = { ...Object.fromEntries(left), ...manners };
}

function everyNth({ reels }: Ground, nth: number): string[] {
  return [...reels.values()].flatMap(({ devices }) =>
    devices.flatMap(({ ref }, position) => (position % nth === 0 ? [ref] : [])),
  );
}

function cloudAt(index: number, { ground }: DisturbDeps): GroundCloud {
  const cloud = ground.clouds[index];
  if (cloud === undefined) throw new Error(`there is no cloud ${index}`);
  return cloud;
}

async function pause(ms: number, ceased: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: ceased }).catch(() => undefined);
}
