import type { Fault, FaultScope } from "../clouds/index.ts";
import { GATEWAY_FAULTS } from "../clouds/index.ts";
import type { Toxic } from "../../tools/toxiproxy/server.ts";
import type { Random } from "./random.ts";
import type { CloudPlan, Disturbance, OperatorRole, PlannedDisturbance, Profile } from "./schedule.ts";

/** Longer than the lease (15 s) and the time that another needs to take it. */
const LONG_STOP_MS = [17_500, 19_500] as const;
const SCOPES: readonly (readonly [number, FaultScope])[] = [
  [5, "any"],
  [4, "provision"],
  [3, "deprovision"],
  [1, "info"],
];

/** Plans what goes wrong: at the clouds, on the way to them, with the API server, and with the operators. */
export function planDisturbances(
  random: Random,
  profile: Profile,
  clouds: readonly CloudPlan[],
): PlannedDisturbance[] {
  const planned: PlannedDisturbance[] = [];
  const every = (name: string, ms: number, one: (random: Random) => Disturbance): void => {
    const own = random.fork(name);
    for (let at = own.int(0, 2 * ms); at < profile.durationMs; at += own.int(ms / 3, (ms * 5) / 3)) {
      planned.push({ at, disturbance: one(own) });
    }
  };
  every("clouds", profile.cloudEveryMs, (own) => {
    const cloud = own.int(0, clouds.length - 1);
    return own.chance(0.7) ? cloudTrouble(own, cloud) : toxicTrouble(own, cloud);
  });
  const longStops = random.fork("long stops").int(1, 10) <= profile.longStopsOfTen;
  every("API server", profile.apiServerEveryMs, (own) => apiServerTrouble(own, longStops));
  every("operators", profile.operatorEveryMs, operatorTrouble);
  const stop = random.fork("long stop");
  // Once in a while the leader stands still for longer than its lease bears.
  const end = longStops ? profile.durationMs - LONG_STOP_MS[1] : 0;
  for (let at = stop.int(3_000, 7_000); at < end; at += 40_000) {
    const ms = stop.int(...LONG_STOP_MS);
    planned.push({ at, disturbance: { do: "operator stopped", role: "leader", ms } });
  }
  return planned.sort((a, b) => a.at - b.at);
}

/** Each wrong answer of docs/interop.md. */
function faultOf(random: Random): Fault {
  const late = random.pick([{}, { retryAfter: "1" }, { retryAfter: "2" }]);
  const afterWork = random.chance(0.5);
  return random.weighted<Fault>([
    [2, { kind: "status", status: 429, ...late }],
    [2, { kind: "status", status: 503, ...late }],
    [1, { kind: "status", status: 500, afterWork }],
    [2, { kind: "status", status: 504, afterWork: true }],
    [0.5, { kind: "status", status: 408 }],
    [0.5, { kind: "status", status: 413 }],
    [0.3, { kind: "status", status: 400 }],
    [0.3, { kind: "status", status: 404 }],
    [0.3, { kind: "status", status: 302 }],
    [0.4, GATEWAY_FAULTS.forbidden],
    [0.5, GATEWAY_FAULTS.throttled],
    [2, { kind: "refuseToken" }],
    [2, { kind: "halfBody" }],
    [2, { kind: "cutBody" }],
    [1, { kind: "html" }],
    [1, { kind: "empty" }],
    [1, { kind: "notAList" }],
    [1.5, { kind: "hang", afterWork }],
    [2, { kind: "reset", afterWork }],
  ]);
}

function cloudTrouble(random: Random, cloud: number): Disturbance {
  const ms = random.int(500, 3_000);
  const manners = (each: object): Disturbance => ({ do: "cloud manners", cloud, manners: each, ms });
  return random.weighted<Disturbance>([
    [
      10,
      {
        do: "cloud fault",
        cloud,
        fault: faultOf(random),
        times: random.int(1, 3),
        on: random.weighted(SCOPES),
      },
    ],
    [1, manners({ reverse: true })],
    [1, manners({ twice: "same" })],
    [1, manners({ twice: "contradicting" })],
    [1, manners({ strangers: true })],
    [1, manners({ withoutPolicy: true })],
    [1, manners({ latencyMs: random.int(150, 700) })],
    [1, manners({ hiddenThrottle: { devicesPerSecond: random.int(5, 60) } })],
    [1, { do: "cloud manners", cloud, manners: {}, leaveOutEvery: random.int(2, 9), ms }],
    [1, { do: "cloud down", cloud, ms }],
  ]);
}

function toxicTrouble(random: Random, cloud: number): Disturbance {
  const toxic = random.weighted<Toxic>([
    [3, { type: "latency", latency: random.int(50, 500), jitter: random.int(0, 50) }],
    [2, { type: "bandwidth", rate: random.int(40, 300) }],
    [1, { type: "slow_close", delay: random.int(100, 1_000) }],
    [2, { type: "timeout", timeout: random.pick([0, 300, 1_000]) }],
    [2, { type: "reset_peer", timeout: random.pick([0, 50, 400]) }],
    [
      1,
      { type: "slicer", average_size: random.int(64, 800), size_variation: 32, delay: random.int(10, 500) },
    ],
  ]);
  const stream = random.pick(["upstream", "downstream"] as const);
  return { do: "toxic", cloud, toxic, stream, ms: random.int(500, 3_000) };
}

function apiServerTrouble(random: Random, longStops: boolean): Disturbance {
  return random.weighted<Disturbance>([
    [2, { do: "API server killed", ms: random.int(0, 2_000) }],
    [3, { do: "API server paused", ms: random.int(500, 5_000) }],
    // Longer than a leader bears.
    [longStops ? 0.4 : 0, { do: "API server paused", ms: random.int(11_000, 13_000) }],
  ]);
}

function operatorTrouble(random: Random): Disturbance {
  const role = random.weighted<OperatorRole>([
    [3, "leader"],
    [1, "standby"],
  ]);
  return random.weighted<Disturbance>([
    [2, { do: "operator killed", role }],
    [2, { do: "operator terminated", role }],
    [2, { do: "operator stopped", role, ms: random.int(500, 6_000) }],
  ]);
}
