import type { DeviceBatch, ProvisioningLedger, ReelBinding } from "../../../crds/index.ts";
import { type Cluster, reelNameOf } from "../cluster.ts";
import { ledgersOf } from "./cloud-ledgers.ts";

/** What a batch that is being deleted still has to wait for. */
export type ReleaseStep =
  | {
      readonly do: "release";
      readonly binding: ReelBinding | undefined;
      /** The ledgers of devices that `Deprovision` would have taken out, had the account's going left the time. */
      readonly leftBehind: readonly ProvisioningLedger[];
    }
  | { readonly do: "hold"; readonly reason: string; readonly message: string };

/** The binding that a batch uses, if it does. */
export function bindingOf(batch: DeviceBatch, cluster: Cluster): ReelBinding | undefined {
  const binding = cluster.bindings.cache.get(reelNameOf(batch.spec.batchId));
  const { namespace, name } = batch.metadata;
  return binding?.spec.account === namespace && binding.spec.batch === name ? binding : undefined;
}

/**
 * Decides whether a deleted batch may go.
 *
 * Interop v1 has no way to take devices out of a cloud, so `Deprovision` holds a batch whose devices are in
 * one, until its policy changes; but a whole namespace that is going is never stranded for that.
 */
export function planRelease(
  batch: DeviceBatch,
  binding: ReelBinding | undefined,
  cluster: Cluster,
): ReleaseStep {
  if (binding === undefined) return { do: "release", binding, leftBehind: [] };
  const { namespace } = batch.metadata;
  const { own: ledgers } = ledgersOf(binding, cluster);
  const occupied = occupiedClouds(ledgers);
  if (batch.spec.deletionPolicy !== "Deprovision" || occupied.length === 0) {
    return { do: "release", binding, leftBehind: [] };
  }
  const going = cluster.namespaces.cache.get(namespace);
  if (going === undefined || going.metadata.deletionTimestamp !== undefined) {
    return { do: "release", binding, leftBehind: ledgers };
  }
  return { do: "hold", reason: "DeprovisionUnsupported", message: cannotDeprovision(occupied) };
}

/** What is said where devices should be taken out of clouds that cannot do that. */
export function cannotDeprovision(clouds: readonly string[]): string {
  return `devices are still in ${clouds.join(", ")}, which speak interop version 1 and cannot take them out. Take them out there, then set spec.deletionPolicy to Retain`;
}

/** What is said where devices had to be left in clouds because their whole account goes. */
export function leftBehind(account: string, ledgers: readonly ProvisioningLedger[]): string {
  const occupied = ledgers.filter(isOccupied);
  const clouds = new Set(occupied.map(({ spec }) => `${spec.target.cloudApi} (${spec.target.key})`));
  const devices = occupied.reduce((sum, { spec }) => sum + spec.counts.provisioned, 0);
  return `account ${account} is going, so ${devices} devices that deletionPolicy Deprovision should take out were left in ${[...clouds].sort().join(", ")}: interop version 1 cannot take them out. Do that there`;
}

/** CloudApis through which devices went that are still in their cloud, by name, each once. */
export function occupiedClouds(ledgers: readonly ProvisioningLedger[]): string[] {
  const occupied = ledgers.filter(isOccupied);
  return [...new Set(occupied.map((ledger) => ledger.spec.target.cloudApi))].sort();
}

function isOccupied(ledger: ProvisioningLedger): boolean {
  return ledger.spec.counts.provisioned > 0;
}
