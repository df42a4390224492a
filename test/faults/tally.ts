import type { Ground } from "./ground.ts";
import type { Operators } from "./operators.ts";

/** What happened in one or several runs. */
export interface Tally {
  runs: number;
  /** What went wrong, by kind, and how often. */
  readonly faults: Record<string, number>;
  /** What people did. */
  readonly deeds: Record<string, number>;
  /** Devices in the reels. */
  devices: number;
  /** Pairs of a device and a cloud that it was let into at least once. */
  pushed: number;
  /** Devices in requests to let them in. */
  sent: number;
  /** Devices in requests to take them out. */
  sentOut: number;
  requests: number;
  expected: number;
  lost: number;
  strays: number;
  /** Times that the lease came to another process. */
  handovers: number;
  /** Slowest coming to rest after the last fault. */
  settledMs: number;
}

export function emptyTally(): Tally {
  return {
    runs: 0,
    faults: {},
    deeds: {},
    devices: 0,
    pushed: 0,
    sent: 0,
    sentOut: 0,
    requests: 0,
    expected: 0,
    lost: 0,
    strays: 0,
    handovers: 0,
    settledMs: 0,
  };
}

export function count(into: Record<string, number>, what: string, times = 1): void {
  into[what] = (into[what] ?? 0) + times;
}

/** Adds one tally to another. */
export function addTally(sum: Tally, one: Tally): void {
  for (const [what, times] of Object.entries(one.faults)) count(sum.faults, what, times);
  for (const [what, times] of Object.entries(one.deeds)) count(sum.deeds, what, times);
  for (const name of COUNTERS) sum[name] += one[name];
  sum.settledMs = Math.max(sum.settledMs, one.settledMs);
}

const COUNTERS = [
  "runs",
  "devices",
  "pushed",
  "sent",
  "sentOut",
  "requests",
  "expected",
  "lost",
  "strays",
  "handovers",
] as const satisfies readonly (keyof Tally)[];

/** Counts what the clouds saw: what was sent, and what went wrong with it there. */
export function countClouds(tally: Tally, ground: Ground): void {
  for (const reel of ground.reels.values()) tally.devices += reel.devices.length;
  for (const { cloud, manners } of ground.clouds) {
    const letIn = new Set<string>();
    for (const { action, refs, troubles } of cloud.received.requests) {
      tally.requests += 1;
      if (action === "provision") tally.sent += refs.length;
      if (action === "deprovision") tally.sentOut += refs.length;
      if (action === "provision") for (const ref of refs) letIn.add(ref);
      for (const trouble of troubles) if (!(trouble in manners)) count(tally.faults, `cloud: ${trouble}`);
    }
    tally.pushed += letIn.size;
  }
}

export function countOperators(tally: Tally, { lives }: Operators): void {
  tally.handovers += Math.max(0, lives.reduce((sum, { led }) => sum + led.length, 0) - 1);
  for (const { ending, ordered } of lives) {
    if (ending !== undefined && ordered === undefined)
      count(tally.faults, "operator: ended itself, its lease lost");
  }
}
