import type { Fault, FaultScope, Manners } from "../clouds/index.ts";
import type { Stream, Toxic } from "../../tools/toxiproxy/server.ts";
import { planDisturbances } from "./disturbances.ts";
import { Random } from "./random.ts";
import { planWorkload } from "./workload.ts";

/** How much happens in a run. */
export interface Profile {
  /** For how long deeds and disturbances go on. */
  readonly durationMs: number;
  readonly accounts: number;
  /** Reels that each account ships. */
  readonly reels: number;
  /** Of the largest reel; the others have some tens of devices. */
  readonly largestReel: number;
  /** Mean pause between two disturbances of a kind. */
  readonly cloudEveryMs: number;
  readonly apiServerEveryMs: number;
  readonly operatorEveryMs: number;
  /** How many seeds of ten stop the leader for longer than its lease, and the API server for longer than a leader bears. */
  readonly longStopsOfTen: number;
}

/** What `npm test` runs: half a minute of faults a seed. */
export const SHORT: Profile = {
  durationMs: 28_000,
  accounts: 3,
  reels: 3,
  largestReel: 400,
  cloudEveryMs: 350,
  apiServerEveryMs: 9_000,
  operatorEveryMs: 7_000,
  longStopsOfTen: 4,
};

/** For `--for` and `--seeds` by hand: two minutes a seed, larger reels. */
export const LONG: Profile = {
  ...SHORT,
  durationMs: 120_000,
  accounts: 4,
  reels: 6,
  largestReel: 3_000,
  longStopsOfTen: 10,
};

export interface CloudPlan {
  readonly account: string;
  /** Of its CloudApi, too. */
  readonly name: string;
  readonly flavor: "aws" | "azure";
  /** Offers what Certferry's own callee offers; else it is v1. */
  readonly able: boolean;
  /** Unique, so that each is a target of its own. */
  readonly region: string;
  readonly limits: { readonly maxDevicesPerRequest?: number; readonly maxInFlight?: number };
  /** How it always is. */
  readonly latencyMs: number;
  /** One device in so many is refused for good, by its number in its reel; 0 for none. */
  readonly refusesEvery: number;
}

export interface ReelPlan {
  readonly batchId: string;
  readonly devices: number;
  /** How many entries have expired. */
  readonly expired: number;
  /** Whether two of its devices bear one serial number. */
  readonly twins: boolean;
}

type Of<Name extends string, Detail = object> = Readonly<{ do: Name }> & Readonly<Detail>;

/** What people do. */
export type Deed =
  | Of<"ship", { reel: ReelPlan }>
  | Of<"bind", { batch: string; batchId: string; clouds: readonly string[]; deprovision: boolean }>
  | Of<"unbind", { batch: string }>
  | Of<"choose clouds", { batch: string; clouds: readonly string[] }>
  | Of<"choose policy", { batch: string; deprovision: boolean }>
  | Of<"provision now", { batch: string; request: string }>
  | Of<"suspend batch", { batch: string; suspend: boolean }>
  | Of<"suspend CloudApi", { cloud: string; suspend: boolean }>
  | Of<"remove CloudApi", { cloud: string }>
  | Of<"add CloudApi", { cloud: string }>
  | Of<"rotate key", { request: string }>;

export type OperatorRole = "leader" | "standby";

/** What goes wrong. */
export type Disturbance =
  | Of<"cloud fault", { cloud: number; fault: Fault; times: number; on: FaultScope }>
  | Of<"cloud manners", { cloud: number; manners: Manners; leaveOutEvery?: number; ms: number }>
  | Of<"cloud down", { cloud: number; ms: number }>
  | Of<"toxic", { cloud: number; toxic: Toxic; stream: Stream; ms: number }>
  | Of<"API server killed", { ms: number }>
  | Of<"API server paused", { ms: number }>
  | Of<"operator killed", { role: OperatorRole }>
  | Of<"operator terminated", { role: OperatorRole }>
  | Of<"operator stopped", { role: OperatorRole; ms: number }>;

/** At a time (ms from the beginning), in an account. */
export interface PlannedDeed {
  readonly at: number;
  readonly account: string;
  readonly deed: Deed;
}

export interface PlannedDisturbance {
  readonly at: number;
  readonly disturbance: Disturbance;
}

/** All that is to happen in a run; the same for the same seed and profile. */
export interface Schedule {
  readonly seed: number;
  readonly profile: Profile;
  readonly accounts: readonly string[];
  readonly clouds: readonly CloudPlan[];
  readonly deeds: readonly PlannedDeed[];
  readonly disturbances: readonly PlannedDisturbance[];
}

/** Makes the schedule of a seed. */
export function makeSchedule(seed: number, profile: Profile): Schedule {
  const random = new Random(seed);
  const { accounts, clouds, deeds } = planWorkload(random.fork("workload"), profile);
  const disturbances = planDisturbances(random.fork("disturbances"), profile, clouds);
  return { seed, profile, accounts, clouds, deeds, disturbances };
}

/** The schedule for people: a line for each cloud, deed and disturbance. */
export function describeSchedule({ clouds, deeds, disturbances }: Schedule): string[] {
  const lines = [
    ...deeds.map(({ at, account, deed }) => ({ at, text: `${account} ${describe(deed)}` })),
    ...disturbances.map(({ at, disturbance }) => ({ at, text: `! ${describe(disturbance)}` })),
  ].sort((a, b) => a.at - b.at);
  return [
    ...clouds.map((cloud, index) => `cloud ${index}: ${JSON.stringify(cloud)}`),
    ...lines.map(({ at, text }) => `${(at / 1_000).toFixed(1).padStart(6)} s  ${text}`),
  ];
}

/** A deed or a disturbance in a line. */
export function describe({ do: what, ...detail }: Deed | Disturbance): string {
  return `${what} ${JSON.stringify(detail)}`;
}
