import type { CloudApi, DeviceBatch, ProvisioningLedger, ReelBinding } from "../../crds/index.ts";
import { CHUNK_DEVICES, decodeStates } from "../../operator/provisioning/ledger/format.ts";
import {
  addCounts,
  type Counts,
  type DeviceState,
  PENDING,
} from "../../operator/provisioning/ledger/states.ts";
import { targetOf } from "../../operator/provisioning/target.ts";

/** One product cloud that a reel's devices go to, or are left in. */
export interface Place {
  /** The CloudApi's name. */
  readonly cloud: string;
  /** Whether the batch goes there now; not so, its devices are still in it from an earlier time. */
  readonly declared: boolean;
  /** As the ledger counts; all zero before it is begun. */
  readonly counts: Counts;
  /** What the ledger says of the entry of this number. @throws LedgerFormatError */
  readonly state: (ordinal: number) => DeviceState;
}

/** All that the truth about a bound reel's devices is made of, as the cluster has it. */
export interface BoundReel {
  readonly batch: DeviceBatch;
  readonly binding: ReelBinding;
  /** Of the batch's namespace. */
  readonly cloudApis: readonly CloudApi[];
  /** Of the reel, in every cloud. */
  readonly ledgers: readonly ProvisioningLedger[];
}

/**
 * Where the devices of a bound reel are or go: the clouds that the batch declares, then those that it has left and
 * where devices still are. CloudApis that lead to one cloud share its ledger.
 */
export function placesOf(reel: BoundReel): Place[] {
  const { batch, binding, cloudApis } = reel;
  const { account, manifestSha256 } = binding.spec;
  const own = reel.ledgers.filter(
    ({ spec }) => spec.account === account && spec.manifestSha256 === manifestSha256,
  );
  const seen = new Set<ProvisioningLedger>();
  const places = cloudNames(batch, binding).map((cloud) => {
    const api = cloudApis.find(({ metadata }) => metadata.name === cloud);
    const key = api && targetOf(api.spec)?.key;
    const ledgers = own.filter(({ spec }) =>
      key === undefined ? spec.target.cloudApi === cloud : spec.target.key === key,
    );
    for (const ledger of ledgers) seen.add(ledger);
    return place(cloud, true, ledgers);
  });
  const left = Map.groupBy(
    own.filter((ledger) => !seen.has(ledger)),
    ({ spec }) => spec.target.key,
  );
  for (const ledgers of left.values()) {
    places.push(place(ledgers[0]?.spec.target.cloudApi ?? "", false, ledgers));
  }
  return places;
}

/** The clouds that a batch goes to: those that it names, or the default that was chosen for it. */
export function cloudNames({ spec }: DeviceBatch, binding: ReelBinding): string[] {
  const declared = (spec.cloudApis ?? []).map(({ name }) => name);
  if (declared.length > 0 || spec.provisioning === "Manual") return declared;
  const chosen = binding.spec.defaultCloudApi;
  return chosen === undefined ? [] : [chosen];
}

function place(cloud: string, declared: boolean, ledgers: readonly ProvisioningLedger[]): Place {
  const chunks = new Map<number, Uint8Array>();
  const read = (index: number): Uint8Array | undefined => {
    const known = chunks.get(index);
    if (known !== undefined) return known;
    const ledger = ledgers.find(({ spec }) => spec.chunk.index === index);
    if (ledger === undefined) return undefined;
    const { format, data, chunk } = ledger.spec;
    const states = decodeStates(format, data, chunk.devices);
    chunks.set(index, states);
    return states;
  };
  return {
    cloud,
    declared,
    counts: addCounts(ledgers.map(({ spec }) => spec.counts)),
    state: (ordinal) => read(Math.floor(ordinal / CHUNK_DEVICES))?.[ordinal % CHUNK_DEVICES] ?? PENDING,
  };
}
