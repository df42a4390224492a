import type { DeviceBatch, ProvisioningLedger, ReelBinding } from "../../../crds/index.ts";
import { type Cluster, reelNameOf } from "../cluster.ts";

/** What a batch that is being deleted still has to wait for. */
export type ReleaseStep =
  | {
      readonly do: "release";
      readonly binding: ReelBinding | undefined;
      readonly leftBehind: readonly string[];
    }
  | { readonly do: "hold"; readonly reason: string; readonly message: string };

/**
 * Decides whether a deleted batch may go.
 *
 * Interop v1 has no way to take devices out of a cloud, so `Deprovision` holds a batch whose devices are in
 * one, until its policy changes; but a whole namespace that is going is never stranded for that.
 */
export function planRelease(batch: DeviceBatch, cluster: Cluster): ReleaseStep {
  const reel = reelNameOf(batch.spec.batchId);
  const binding = cluster.bindings.cache.get(reel);
  const { namespace, name } = batch.metadata;
  if (binding?.spec.account !== namespace || binding.spec.batch !== name) {
    return { do: "release", binding: undefined, leftBehind: [] };
  }
  const occupied = occupiedClouds(cluster.ledgers.cache.byIndex("reel", reel));
  if (batch.spec.deletionPolicy !== "Deprovision" || occupied.length === 0) {
    return { do: "release", binding, leftBehind: [] };
  }
  const going = cluster.namespaces.cache.get(namespace);
  if (going === undefined || going.metadata.deletionTimestamp !== undefined) {
    return { do: "release", binding, leftBehind: occupied };
  }
  return { do: "hold", reason: "DeprovisionUnsupported", message: cannotDeprovision(occupied) };
}

/** What is said where devices should be taken out of clouds that cannot do that. */
export function cannotDeprovision(clouds: readonly string[]): string {
  return `devices are still in ${clouds.join(", ")}, which speak interop version 1 and cannot take them out. Take them out there, then set spec.deletionPolicy to Retain`;
}

/** CloudApis through which devices went that are still in their cloud, by name, each once. */
export function occupiedClouds(ledgers: readonly ProvisioningLedger[]): string[] {
  const occupied = ledgers.filter((ledger) => ledger.spec.counts.provisioned > 0);
  return [...new Set(occupied.map((ledger) => ledger.spec.target.cloudApi))].sort();
}
