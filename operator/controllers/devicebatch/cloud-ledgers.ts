import type { ProvisioningLedger, ReelBinding } from "../../../crds/index.ts";
import { ledgerSelector } from "../../provisioning/ledger/store.ts";
import { placementKey } from "../../provisioning/placement-spec.ts";
import type { TargetIdentity } from "../../provisioning/target.ts";
import type { Cluster } from "../cluster.ts";

/** A reel's ledgers, as they speak for a binding. */
export interface BindingLedgers {
  /** Written for this account and this manifest: the only ones that count. */
  readonly own: readonly ProvisioningLedger[];
  /** Left by another account, or written for another manifest, as when a binding was removed by force. */
  readonly foreign: readonly ProvisioningLedger[];
}

/** The ledgers of a bound reel, in every cloud. */
export function ledgersOf(binding: ReelBinding, cluster: Cluster): BindingLedgers {
  return sort(binding, cluster.ledgers.cache.byIndex("reel", binding.metadata.name));
}

/** The ledgers of a bound reel in one cloud. */
export function ledgersIn(target: TargetIdentity, binding: ReelBinding, cluster: Cluster): BindingLedgers {
  const key = placementKey({ reel: binding.metadata.name, target });
  return sort(binding, cluster.ledgers.cache.byIndex("placement", key));
}

/**
 * The ledgers of where a CloudApi led that is gone: the devices that went through it are in their cloud still.
 * When it led to several clouds in its time, the one that was begun last.
 */
export function ledgersThrough(cloudApi: string, binding: ReelBinding, cluster: Cluster): BindingLedgers {
  const { own } = ledgersOf(binding, cluster);
  const through = own.filter((ledger) => ledger.spec.target.cloudApi === cloudApi);
  const last = through.reduce<ProvisioningLedger | undefined>((latest, ledger) => {
    const begun = ledger.spec.startedAt ?? "";
    return latest === undefined || begun > (latest.spec.startedAt ?? "") ? ledger : latest;
  }, undefined);
  return { own: through.filter((ledger) => ledger.spec.target.key === last?.spec.target.key), foreign: [] };
}

/**
 * Why ledgers that are not the binding's keep a cloud from being provisioned, and what to do; undefined when
 * there are none. Whose they are is nobody else's business.
 */
export function explainForeign(
  [first]: readonly ProvisioningLedger[],
  binding: ReelBinding,
  target: TargetIdentity,
): string | undefined {
  if (first === undefined) return undefined;
  const reel = binding.metadata.name;
  const why =
    first.spec.account === binding.spec.account
      ? `was written for another manifest than the one that reel ${reel} is bound with`
      : "was left by another account";
  return `ledger ${first.metadata.name} ${why}, and nothing is sent while it is there. Have an administrator delete what was left: kubectl delete ledger -l ${ledgerSelector(reel, target)}`;
}

function sort(binding: ReelBinding, ledgers: readonly ProvisioningLedger[]): BindingLedgers {
  const { account, manifestSha256 } = binding.spec;
  const isOwn = ({ spec }: ProvisioningLedger): boolean =>
    spec.account === account && spec.manifestSha256 === manifestSha256;
  return { own: ledgers.filter(isOwn), foreign: ledgers.filter((ledger) => !isOwn(ledger)) };
}
