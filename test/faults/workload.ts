import type { Random } from "./random.ts";
import type { CloudPlan, Deed, PlannedDeed, Profile, ReelPlan, Schedule } from "./schedule.ts";

const ACCOUNTS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
/** A pause between two deeds of one account, on the average. */
const DEED_EVERY_MS = 1_300;

interface Batch {
  readonly name: string;
  readonly batchId: string;
  clouds: readonly string[];
  deprovision: boolean;
}

/** What an account has, as far as its own deeds go: deeds are planned so that they make sense one after the other. */
interface Household {
  readonly account: string;
  readonly clouds: readonly string[];
  readonly removed: Set<string>;
  readonly suspended: Set<string>;
  readonly sleeping: Set<string>;
  readonly batches: Map<string, Batch>;
  readonly deeds: PlannedDeed[];
  names: number;
}

/** Plans who has which clouds, and what people do from beginning to end. At the end nothing is suspended or missing. */
export function planWorkload(
  random: Random,
  profile: Profile,
): Pick<Schedule, "accounts" | "clouds" | "deeds"> {
  const accounts = ACCOUNTS.slice(0, profile.accounts);
  const clouds = accounts.flatMap((account) => planClouds(random.fork(`clouds of ${account}`), account));
  const reels = accounts.map((account, index) =>
    planReels(random.fork(`reels of ${account}`), profile, index),
  );
  const deeds = accounts.flatMap((account, index) => {
    const own = reels[index] ?? [];
    const others = reels.flat().filter((reel) => !own.includes(reel));
    return planDeeds(random.fork(`deeds of ${account}`), profile, account, clouds, own, others);
  });
  return { accounts, clouds, deeds: deeds.sort((a, b) => a.at - b.at) };
}

function planClouds(random: Random, account: string): CloudPlan[] {
  const count = random.int(2, 3);
  return Array.from({ length: count }, (_, index): CloudPlan => {
    const able = index === 0 || random.chance(0.4);
    return {
      account,
      name: `cloud-${index}`,
      flavor: random.chance(0.65) ? "aws" : "azure",
      able,
      region: `eu-${account}-${index + 1}`,
      limits: random.weighted<CloudPlan["limits"]>([
        [3, {}],
        [2, { maxDevicesPerRequest: random.int(1, 20), maxInFlight: random.int(1, 4) }],
      ]),
      latencyMs: random.int(5, 120),
      refusesEvery: !able && random.chance(0.5) ? random.int(7, 30) : 0,
    };
  });
}

function planReels(random: Random, profile: Profile, account: number): ReelPlan[] {
  return Array.from({ length: profile.reels }, (_, index): ReelPlan => ({
    batchId: `R${account}-${index}`,
    devices: index === 0 ? random.int(profile.largestReel / 2, profile.largestReel) : random.int(3, 60),
    expired: random.chance(0.4) ? random.int(1, 3) : 0,
    twins: random.chance(0.3),
  }));
}

function planDeeds(
  random: Random,
  { durationMs }: Profile,
  account: string,
  allClouds: readonly CloudPlan[],
  own: readonly ReelPlan[],
  others: readonly ReelPlan[],
): PlannedDeed[] {
  const home: Household = {
    account,
    clouds: allClouds.filter((cloud) => cloud.account === account).map(({ name }) => name),
    removed: new Set(),
    suspended: new Set(),
    sleeping: new Set(),
    batches: new Map(),
    deeds: [],
    names: 0,
  };
  const last = durationMs * 0.9;
  // Some reels appear after the batches that want them.
  const shipped = own.map((reel) => ({
    reel,
    at: random.chance(0.7) ? random.int(0, 800) : random.int(2_000, 6_000),
  }));
  for (const { reel, at } of shipped) home.deeds.push({ at, account, deed: { do: "ship", reel } });
  const wanted = own.map(({ batchId }) => batchId);
  let at = random.int(0, 500);
  while (at < last) {
    const batchId = wanted.shift();
    if (batchId === undefined) act(random, home, others, at);
    else bind(random, home, batchId, at);
    at += random.int(DEED_EVERY_MS / 3, (DEED_EVERY_MS * 5) / 3);
  }
  tidyUp(home, durationMs);
  return home.deeds;
}

/** One more deed, among those that make sense now. */
function act(random: Random, home: Household, others: readonly ReelPlan[], at: number): void {
  const { batches, removed, suspended, sleeping } = home;
  const deed = (what: Deed): void => void home.deeds.push({ at, account: home.account, deed: what });
  const present = home.clouds.filter((cloud) => !removed.has(cloud) && !suspended.has(cloud));
  const awake = [...batches.values()].filter(({ name }) => !sleeping.has(name));
  const taken = new Set([...batches.values()].map(({ batchId }) => batchId));
  const free = home.deeds.flatMap(({ deed: { do: what, ...detail } }) =>
    what === "bind" && "batchId" in detail && !taken.has(detail.batchId) ? [detail.batchId] : [],
  );
  const choices: [number, () => void][] = [[0.4, () => deed({ do: "rotate key", request: `r${at}` })]];
  if (free.length > 0) choices.push([3, () => bind(random, home, random.pick(free), at)]);
  // A reel of another account, or one that has a batch already.
  if (others.length > 0) choices.push([0.6, () => bind(random, home, random.pick(others).batchId, at)]);
  if (awake.length > 0) {
    const batch = random.pick(awake);
    choices.push(
      [2.5, () => unbind(home, batch, at)],
      [3, () => chooseClouds(batch, random.some(present, 0), deed)],
      [0.8, () => choosePolicy(batch, !batch.deprovision, deed)],
      [1.5, () => deed({ do: "provision now", batch: batch.name, request: `n${at}` })],
      [removed.size > 0 ? 0 : 0.7, () => sleep(home, batch, deed)],
    );
  }
  const asleep = [...sleeping];
  if (asleep.length > 0) choices.push([3, () => wake(random.pick(asleep), home, deed)]);
  if (present.length > 1) {
    const cloud = random.pick(present);
    choices.push([0.8, () => suspend(home, cloud, deed)], [0.8, () => remove(home, cloud, deed)]);
  }
  const back = [...suspended, ...removed];
  if (back.length > 0) choices.push([3, () => bringBack(random.pick(back), home, deed)]);
  random.weighted(choices)();
}

type Do = (deed: Deed) => void;

function bind(random: Random, home: Household, batchId: string, at: number): void {
  home.names += 1;
  const name = `b${home.names}-${batchId.toLowerCase()}`;
  const clouds = random.some(
    home.clouds.filter((cloud) => !home.removed.has(cloud)),
    1,
  );
  const deprovision = random.chance(0.5);
  home.batches.set(name, { name, batchId, clouds, deprovision });
  home.deeds.push({
    at,
    account: home.account,
    deed: { do: "bind", batch: name, batchId, clouds, deprovision },
  });
}

function unbind(home: Household, { name }: Batch, at: number): void {
  home.batches.delete(name);
  home.deeds.push({ at, account: home.account, deed: { do: "unbind", batch: name } });
}

function chooseClouds(batch: Batch, clouds: readonly string[], deed: Do): void {
  batch.clouds = clouds;
  deed({ do: "choose clouds", batch: batch.name, clouds });
}

function choosePolicy(batch: Batch, deprovision: boolean, deed: Do): void {
  batch.deprovision = deprovision;
  deed({ do: "choose policy", batch: batch.name, deprovision });
}

function sleep(home: Household, { name }: Batch, deed: Do): void {
  home.sleeping.add(name);
  deed({ do: "suspend batch", batch: name, suspend: true });
}

function wake(name: string, home: Household, deed: Do): void {
  home.sleeping.delete(name);
  deed({ do: "suspend batch", batch: name, suspend: false });
}

function suspend(home: Household, cloud: string, deed: Do): void {
  home.suspended.add(cloud);
  deed({ do: "suspend CloudApi", cloud, suspend: true });
}

/**
 * Whoever removes a cloud takes it out of the batches first, as its documentation says, and lets those go on that are
 * suspended: nobody leaves a cloud for a batch that is.
 */
function remove(home: Household, cloud: string, deed: Do): void {
  for (const name of home.sleeping) wake(name, home, deed);
  for (const batch of home.batches.values()) {
    if (!batch.clouds.includes(cloud)) continue;
    chooseClouds(
      batch,
      batch.clouds.filter((each) => each !== cloud),
      deed,
    );
  }
  home.removed.add(cloud);
  deed({ do: "remove CloudApi", cloud });
}

function bringBack(cloud: string, home: Household, deed: Do): void {
  if (home.suspended.delete(cloud)) deed({ do: "suspend CloudApi", cloud, suspend: false });
  if (home.removed.delete(cloud)) deed({ do: "add CloudApi", cloud });
}

function tidyUp(home: Household, at: number): void {
  const deed: Do = (what) => void home.deeds.push({ at, account: home.account, deed: what });
  for (const cloud of [...home.suspended, ...home.removed]) bringBack(cloud, home, deed);
  for (const name of home.sleeping) wake(name, home, deed);
}
