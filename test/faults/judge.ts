import type { CloudApi, DeviceBatch, ReelBinding } from "../../crds/index.ts";
import {
  addCounts,
  countStates,
  isFailed,
  PROVISIONED,
  QUARANTINED,
} from "../../operator/provisioning/ledger/states.ts";
import type { TestCloud } from "../clouds/index.ts";
import { type GroundCloud, isWelcome } from "./ground.ts";
import { type Inventory, ledgerOf, reelName, statesOf, userOf } from "./inventory.ts";
import type { MadeReel, PlannedDevice } from "./pool.ts";

/** What there is to know of a cloud to judge it. */
export interface JudgedCloud extends Pick<GroundCloud, "plan" | "target"> {
  readonly cloud: Pick<TestCloud, "registry" | "received">;
}

/** What is judged: reels, and the clouds that their devices may be in. */
export interface Judged {
  readonly reels: ReadonlyMap<string, MadeReel>;
  readonly clouds: readonly JudgedCloud[];
  cloudOf(account: string, name: string): JudgedCloud;
}

/** What was found at the end of a run. */
export interface Judgement {
  /** What is not as it must be, for people. */
  readonly violations: string[];
  /** Devices that must be in a cloud, each counted for each of its clouds. */
  expected: number;
  /** Those of them that are not. */
  lost: number;
  /** Devices in a cloud that nobody knows to be there. */
  strays: number;
  /** Devices that are not where they should be. */
  readonly suspects: Suspect[];
}

export interface Suspect {
  readonly ref: string;
  readonly reel: string;
  readonly cloud: JudgedCloud;
}

const SHOWN = 5;

/** Holds ledgers, statuses and clouds against each other and against what was asked for, device by device. */
export function judge(inventory: Inventory, ground: Judged): Judgement {
  const found: Judgement = { violations: [], expected: 0, lost: 0, strays: 0, suspects: [] };
  for (const reel of ground.reels.values()) {
    const binding = inventory.bindings.find(({ metadata }) => metadata.name === reelName(reel.batchId));
    const user = binding && userOf(binding, inventory);
    for (const cloud of ground.clouds) {
      if (binding?.spec.account !== cloud.plan.account) judgeForeign(reel, cloud, found);
      else judgeCloud(reel, cloud, user, inventory, found);
    }
    judgeBinding(reel, binding, inventory, found);
  }
  for (const batch of inventory.batches) judgeStatus(batch, inventory, ground, found);
  for (const api of inventory.apis) {
    const why = wrongCount(api, inventory, ground);
    if (why !== undefined)
      found.violations.push(`CloudApi ${api.metadata.namespace}/${api.metadata.name}: ${why}`);
  }
  for (const { metadata, spec } of inventory.ledgers) {
    const counts = addCounts([spec.counts]);
    const real = countStates(
      Uint8Array.from(statesOf([{ metadata, spec } as (typeof inventory.ledgers)[number]])),
    );
    expectSame(`counts of ledger ${metadata.name}`, counts, real, found);
  }
  return found;
}

/** A cloud of an account that has not got the reel: none of its devices is there. */
function judgeForeign(reel: MadeReel, cloud: JudgedCloud, found: Judgement): void {
  const there = devicesIn(cloud);
  const strays = reel.devices.filter(({ thumbprint }) => there.has(thumbprint));
  found.strays += strays.length;
  tell(
    strays,
    [reel, cloud],
    `of ${reel.batchId} in ${nameOf(cloud)}, whose account has not got the reel`,
    found,
  );
}

function judgeCloud(
  reel: MadeReel,
  cloud: JudgedCloud,
  user: DeviceBatch | undefined,
  inventory: Inventory,
  found: Judgement,
): void {
  const parts = ledgerOf(reelName(reel.batchId), cloud.target, inventory);
  const states = statesOf(parts);
  const there = devicesIn(cloud);
  const declared = user?.spec.cloudApis?.some(({ name }) => name === cloud.plan.name) === true;
  const view = reel.devices.map((device, position) => ({
    device,
    state: states[position],
    isIn: there.has(device.thumbprint),
    welcome: isWelcome(device, position, cloud.plan),
  }));
  const pick = (wrong: (each: (typeof view)[number]) => boolean) =>
    view.filter(wrong).map(({ device }) => device);

  const tellOf = (devices: readonly PlannedDevice[], what: string): void =>
    tell(devices, [reel, cloud], `of ${reel.batchId} in ${nameOf(cloud)}: ${what}`, found);

  // Whatever is declared: nobody is taken for provisioned who is not there.
  const missing = pick(({ state, isIn }) => state === PROVISIONED && !isIn);
  tellOf(missing, "provisioned by the ledger, and not there");
  const unwelcome = pick(({ isIn, welcome }) => isIn && !welcome);
  tellOf(unwelcome, "there, and should never have been let in");
  if (declared) {
    const lost = pick(({ isIn, welcome }) => welcome && !isIn);
    found.expected += view.filter(({ welcome }) => welcome).length;
    found.lost += lost.length;
    tellOf(lost, "not there");
    const unknown = pick(({ state, isIn }) => isIn && state !== PROVISIONED);
    tellOf(unknown, "there, and not so by the ledger");
    const refused = pick(({ device, state, welcome }) => {
      if (welcome) return false;
      return device.fate === "expired" ? state !== QUARANTINED : !isFailed(state ?? 0);
    });
    tellOf(refused, "refused, and not so by the ledger");
  } else if (parts.length === 0) {
    const strays = pick(({ isIn }) => isIn);
    found.strays += strays.length;
    tellOf(strays, "there, and no ledger tells of it");
  }
}

function judgeBinding(
  reel: MadeReel,
  binding: ReelBinding | undefined,
  inventory: Inventory,
  found: Judgement,
): void {
  const name = reelName(reel.batchId);
  const bound = inventory.batches.filter(
    (batch) =>
      reelName(batch.spec.batchId) === name &&
      batch.status?.conditions?.some(({ type, status }) => type === "Bound" && status === "True") === true,
  );
  if (bound.length > 1) found.violations.push(`reel ${name} is bound by ${bound.length} batches`);
  const [only] = bound;
  if (only !== undefined && (binding === undefined || userOf(binding, inventory) !== only)) {
    found.violations.push(
      `batch ${only.metadata.namespace}/${only.metadata.name} says Bound, and its reel's binding does not`,
    );
  }
  const devices = reel.devices.filter(({ fate }) => fate !== "expired").length;
  if (
    binding !== undefined &&
    (binding.spec.devices !== devices || binding.spec.records !== reel.devices.length)
  ) {
    found.violations.push(
      `binding ${name} counts ${binding.spec.devices} devices of ${binding.spec.records}, not ${devices}`,
    );
  }
}

/** A bound batch says of each of its clouds what the ledger says. */
function judgeStatus(batch: DeviceBatch, inventory: Inventory, ground: Judged, found: Judgement): void {
  const { name, namespace } = batch.metadata;
  const binding = inventory.bindings.find(({ metadata }) => metadata.name === reelName(batch.spec.batchId));
  if (binding === undefined || userOf(binding, inventory) !== batch) return;
  const clouds = (batch.spec.cloudApis ?? []).map((each) => ground.cloudOf(namespace, each.name));
  const ledgers = clouds.map(({ target }) => statesOf(ledgerOf(binding.metadata.name, target, inventory)));
  const positions = Array.from({ length: binding.spec.records }, (_, position) => position);
  const counted = (fits: (state: number) => boolean, states: readonly number[]): number =>
    states.filter(fits).length;
  const expected = {
    boundDevices: binding.spec.devices,
    provisionedDevices:
      clouds.length === 0
        ? 0
        : positions.filter((at) => ledgers.every((states) => states[at] === PROVISIONED)).length,
    failedDevices: positions.filter((at) => ledgers.some((states) => isFailed(states[at] ?? 0))).length,
    clouds: clouds.map(({ plan }, index) => ({
      name: plan.name,
      provisioned: counted((state) => state === PROVISIONED, ledgers[index] ?? []),
      failed: counted(isFailed, ledgers[index] ?? []),
      pending: 0,
    })),
  };
  const { status } = batch;
  const told = {
    boundDevices: status?.boundDevices,
    provisionedDevices: status?.provisionedDevices ?? 0,
    failedDevices: status?.failedDevices ?? 0,
    clouds: (status?.clouds ?? []).map(({ name, provisioned, failed, pending }) => ({
      name,
      provisioned,
      failed,
      pending,
    })),
  };
  expectSame(`status of batch ${namespace}/${name}`, told, expected, found);
}

/** What is wrong with a CloudApi's count of devices; undefined when it is what its ledgers come to. */
export function wrongCount(
  { metadata, status }: CloudApi,
  inventory: Inventory,
  ground: Judged,
): string | undefined {
  const { target } = ground.cloudOf(metadata.namespace, metadata.name);
  const own = inventory.ledgers.filter(
    ({ spec }) => spec.account === metadata.namespace && spec.target.key === target,
  );
  const { provisioned } = addCounts(own.map(({ spec }) => spec.counts));
  const told = status?.devicesProvisioned ?? 0;
  return told === provisioned ? undefined : `devicesProvisioned is ${told}, and should be ${provisioned}`;
}

function devicesIn({ cloud }: JudgedCloud): Set<string> {
  return new Set(cloud.registry.list().flatMap(({ thumbprints }) => thumbprints));
}

function nameOf({ plan }: JudgedCloud): string {
  return `${plan.account}/${plan.name}`;
}

function tell(
  devices: readonly PlannedDevice[],
  [reel, cloud]: readonly [MadeReel, JudgedCloud],
  what: string,
  found: Judgement,
): void {
  const [first] = devices;
  if (first === undefined) return;
  found.suspects.push({ ref: first.ref, reel: reel.batchId, cloud });
  const names = devices.slice(0, SHOWN).map(({ ref }) => ref);
  const more = devices.length > SHOWN ? ", …" : "";
  found.violations.push(`${devices.length} devices ${what} (${names.join(", ")}${more})`);
}

function expectSame(what: string, told: unknown, expected: unknown, found: Judgement): void {
  const [a, b] = [JSON.stringify(told), JSON.stringify(expected)];
  if (a !== b) found.violations.push(`${what}: ${a}, and should be ${b}`);
}
