import type { CloudApi, DeviceBatch, ProvisioningLedger, Reel, ReelBinding } from "../../crds/index.ts";
import { decodeStates } from "../../operator/provisioning/ledger/format.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { Field } from "../field/field.ts";

/** All of Certferry's objects at one moment, more or less. */
export interface Inventory {
  readonly batches: readonly DeviceBatch[];
  readonly apis: readonly CloudApi[];
  readonly reels: readonly Reel[];
  readonly bindings: readonly ReelBinding[];
  readonly ledgers: readonly ProvisioningLedger[];
}

export async function takeInventory({
  batches,
  cloudApis,
  reels,
  bindings,
  ledgers,
}: Field): Promise<Inventory> {
  const signal = AbortSignal.timeout(15_000);
  const [first, second, third, fourth, fifth] = await Promise.all([
    batches.list({}, signal),
    cloudApis.list({}, signal),
    reels.list({}, signal),
    bindings.list({}, signal),
    ledgers.list({}, signal),
  ]);
  return {
    batches: first.items,
    apis: second.items,
    reels: third.items,
    bindings: fourth.items,
    ledgers: fifth.items,
  };
}

/** The same text for the same objects: nothing is written any more while it stays so. */
export function versionsOf(inventory: Inventory): string {
  const all: readonly (readonly KubeObject[])[] = Object.values(inventory);
  return all
    .flat()
    .map(
      ({ kind, metadata }) =>
        `${kind} ${metadata.namespace ?? ""}/${metadata.name} ${metadata.resourceVersion}`,
    )
    .sort()
    .join("\n");
}

/** The reel's name that a batch or a reel's ID comes to. */
export function reelName(batchId: string): string {
  return batchId.toLowerCase();
}

/** The batch that uses a reel. */
export function userOf(binding: ReelBinding, { batches }: Inventory): DeviceBatch | undefined {
  const { account, batch } = binding.spec;
  return batches.find(({ metadata }) => metadata.namespace === account && metadata.name === batch);
}

/** The parts of a reel's ledger in one cloud, in order. */
export function ledgerOf(reel: string, target: string, { ledgers }: Inventory): ProvisioningLedger[] {
  return ledgers
    .filter(({ spec }) => spec.reel === reel && spec.target.key === target)
    .sort((a, b) => a.spec.chunk.index - b.spec.chunk.index);
}

/** A byte for each entry of the manifest, as operator/provisioning/ledger/states.ts has them. */
export function statesOf(parts: readonly ProvisioningLedger[]): number[] {
  return parts.flatMap(({ spec }) => Array.from(decodeStates(spec.format, spec.data, spec.chunk.devices)));
}

export function conditionOf(
  object: DeviceBatch | CloudApi,
  type: string,
): { status: string; reason: string; message: string } | undefined {
  const found = object.status?.conditions?.find((condition) => condition.type === type);
  return found && { status: found.status, reason: found.reason ?? "", message: found.message ?? "" };
}
