import { eventually } from "../../harness/index.ts";
import type { Tallied } from "../callee/tally.ts";
import { Ground } from "../ground/ground.ts";
import { atMost, type Scenario } from "../scenario.ts";
import { median } from "../statistics.ts";

const DEVICES = 100_000;
const KILLS = 3;
const LATENCY_MS = 20;
const DEADLINE_MS = 300_000;

/** So many that had not come before tell that all have come again that will. */
const NEW_DEVICES = 1_000;

/** One kill, and what it cost. */
interface Killed {
  readonly sentAgain: number;
  readonly underWay: number;
  readonly perSecond: number;
}

export const kill: Scenario = {
  name: "kill",
  about:
    "A reel of 100,000 into a callee that answers after 20 ms; the operator is killed (SIGKILL) three times on the way, " +
    "and another one goes on (without a lease to wait for). Held against the devices that were under way at most, as " +
    "the callee saw them, and what it let in within the last second before the kill.",
  async run(context) {
    const { quick, log } = context;
    await using ground = await Ground.open(context);
    const kills = quick ? 1 : KILLS;
    const reel = await ground.manifest("KILLED", quick ? 6_000 : DEVICES);
    let operator = await ground.operator({ leaderElect: false });
    const stub = await ground.cloud("cloud", { latencyMs: LATENCY_MS });
    await ground.bind(reel, ["cloud"]);
    const killed: Killed[] = [];
    let before = 0;
    for (let kill = 1; kill <= kills; kill += 1) {
      const share = (reel.devices * kill) / (kills + 1);
      await eventually(async () => (await stub.tally()).distinct >= share, {
        deadline: DEADLINE_MS,
        interval: 20,
        what: `${share} devices were sent`,
      });
      await operator.kill();
      const dead = await stub.tally();
      operator = await ground.operator({ leaderElect: false });
      const sentAgain = await settledRepetitions(() => stub.tally(), dead);
      killed.push({ sentAgain, underWay: dead.mostDevicesUnderWay, perSecond: dead.lastSecond });
      log(`kill ${kill}: ${JSON.stringify(killed.at(-1))}`);
      before = dead.sentAgain;
    }
    await ground.ready(reel, DEADLINE_MS);
    const { sentAgain } = await stub.tally();
    log(`in all ${sentAgain} were sent again, ${sentAgain - before} of them after the last kill`);
    const worst = Math.max(
      ...killed.map(({ sentAgain, underWay, perSecond }) => sentAgain / (underWay + perSecond)),
    );
    return [
      {
        name: "again",
        what: "sent again, as a share of what was under way and one second's goodput (the worst of the kills)",
        value: worst,
        unit: "×",
        goal: atMost(1),
      },
      {
        name: "devices-again",
        what: "devices sent again, the most after a kill",
        value: Math.max(...killed.map(({ sentAgain }) => sentAgain)),
        unit: "devices",
      },
      {
        name: "under-way",
        what: "devices under way at most",
        value: Math.max(...killed.map(({ underWay }) => underWay)),
        unit: "devices",
      },
      {
        name: "goodput",
        what: "goodput",
        value: median(killed.map(({ perSecond }) => perSecond)),
        unit: "devices/s",
      },
    ];
  },
};

/** Devices that come a second time after a kill: they come first, so that all have come when new ones do. */
async function settledRepetitions(tally: () => Promise<Tallied>, dead: Tallied): Promise<number> {
  const enough = await eventually(
    async () => {
      const now = await tally();
      return now.distinct > dead.distinct + NEW_DEVICES ? now : undefined;
    },
    { deadline: DEADLINE_MS, interval: 20, what: "new devices come after the kill" },
  );
  return enough.sentAgain - dead.sentAgain;
}
