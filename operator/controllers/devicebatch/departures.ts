import type { CloudApi, DeviceBatch, ProvisioningLedger, ReelBinding } from "../../../crds/index.ts";
import { addCounts, type Counts } from "../../provisioning/ledger/states.ts";
import { placementKey, type PlacementProgress } from "../../provisioning/placement-spec.ts";
import { targetOf } from "../../provisioning/target.ts";
import { keyOf } from "../../runtime/objects.ts";
import { namespaced, reelNameOf } from "../cluster.ts";
import { ledgersOf } from "./cloud-ledgers.ts";
import type { Obstacle } from "./cloud-progress.ts";
import { linkTo, located, obstacleOf, type PlacementsDeps, specOf } from "./placements.ts";

/** A cloud that a batch has left, and that its devices are to leave too. */
export interface Departure {
  /** The CloudApi through which they leave; else the one through which they came. */
  readonly name: string;
  /** Which cloud, in words. */
  readonly target: string;
  /** Names the placement in the ferry. */
  readonly key: string;
  readonly ledgers: readonly ProvisioningLedger[];
  readonly counts: Counts;
  /** Why nobody leaves at present. */
  readonly obstacle: Obstacle | undefined;
  readonly progress: PlacementProgress | undefined;
}

/**
 * Has the devices of a batch with `deletionPolicy: Deprovision` taken out of every cloud that it declares no
 * more, and tells how that stands. A cloud is left for good when its ledger is gone.
 * @param staying keys of the ledgers of clouds that are declared
 */
export function arrangeDepartures(
  batch: DeviceBatch,
  binding: ReelBinding,
  staying: ReadonlySet<string>,
  deps: PlacementsDeps,
): Departure[] {
  if (batch.spec.deletionPolicy !== "Deprovision") return [];
  const { own } = ledgersOf(binding, deps.cluster);
  const leaving = Map.groupBy(
    own.filter((ledger) => !staying.has(keyOf(ledger))),
    ({ spec }) => spec.target.key,
  );
  return [...leaving.values()].flatMap((ledgers) => depart(batch, binding, ledgers, deps) ?? []);
}

function depart(
  batch: DeviceBatch,
  binding: ReelBinding,
  ledgers: readonly ProvisioningLedger[],
  deps: PlacementsDeps,
): Departure | undefined {
  const [first] = ledgers;
  if (first === undefined) return undefined;
  const { target } = first.spec;
  const reelName = reelNameOf(batch.spec.batchId);
  const reel = deps.cluster.reels.cache.get(reelName);
  const api = wayOut(batch.metadata.namespace, first, deps);
  const name = api?.metadata.name ?? target.cloudApi;
  const identity = api && targetOf(api.spec);
  const link = linkTo(api, identity, deps.links);
  const counts = addCounts(ledgers.map(({ spec }) => spec.counts));
  const obstacle =
    api === undefined
      ? noWayOut(name, target.key)
      : obstacleOf(batch, name, api, link, reel, deps.links, "out");
  const able = link?.canDeprovision ?? api?.status?.capabilities?.includes("deprovision") === true;
  // Nobody is known to be in a cloud that can take nobody out: there is nothing that a person could do there.
  if (!able && stillIn(counts) === 0) return undefined;
  const cannot = obstacle === undefined && !able;
  const key = identity === undefined ? "" : placementKey({ reel: reelName, target: identity });
  if (obstacle === undefined && !cannot && reel !== undefined && link !== undefined) {
    deps.ferry.declare({ ...specOf(batch, binding, reel, name, link), direction: "out", request: undefined });
  }
  const progress = deps.ferry.progress(key);
  return {
    name,
    target: target.key,
    key,
    ledgers,
    counts,
    obstacle: cannot ? UNABLE(name) : obstacle,
    progress: progress?.direction === "out" ? located(progress, api) : undefined,
  };
}

/** Devices that went in and are not known to be out. */
export function stillIn({ provisioned, leaving }: Counts): number {
  return provisioned + leaving;
}

/** The CloudApi that was used last, if it still leads there; else any of the account's that does. */
function wayOut(
  account: string,
  { spec: { target } }: ProvisioningLedger,
  { cluster }: PlacementsDeps,
): CloudApi | undefined {
  const leadsThere = (api: CloudApi | undefined): boolean =>
    api !== undefined && targetOf(api.spec)?.key === target.key;
  const last = cluster.cloudApis.cache.get(namespaced(account, target.cloudApi));
  return leadsThere(last) ? last : cluster.cloudApis.cache.byIndex("namespace", account).find(leadsThere);
}

function noWayOut(name: string, target: string): Obstacle {
  return {
    state: "Blocked",
    reason: "CloudApiNotFound",
    message: `CloudApi ${name}, through which devices went into ${target}, is gone, and no other of this namespace leads there`,
    todo: "create it again so that they are taken out; or take them out there and set spec.deletionPolicy to Retain",
  };
}

const UNABLE = (name: string): Obstacle => ({
  state: "Blocked",
  reason: "DeprovisionUnsupported",
  message: `CloudApi ${name} leads to a cloud that speaks interop version 1 and cannot take devices out`,
});
