import type { ProvisioningLedger } from "../../../crds/index.ts";
import { decodeStates, LedgerFormatError } from "../../provisioning/ledger/format.ts";
import { isFailed, PROVISIONED } from "../../provisioning/ledger/states.ts";
import type { CloudCounts } from "./cloud-progress.ts";

export interface CloudLedger {
  readonly counts: CloudCounts;
  readonly ledgers: readonly ProvisioningLedger[];
}

/** What is true of a batch's devices over all its clouds. */
export interface Everywhere {
  readonly provisioned: number;
  readonly failed: number;
  /** For each cloud whose ledger had to be read and could not be: why. Its devices count as not provisioned. */
  readonly unreadable: ReadonlyMap<CloudLedger, string>;
}

/**
 * How many devices are in every one of the clouds, and how many at least one of them refused. Clouds that
 * differ in their failures are compared device by device; otherwise the counts say it.
 *
 * @param devices how many are bound.
 */
export function everywhere(clouds: readonly CloudLedger[], devices: number): Everywhere {
  const unreadable = new Map<CloudLedger, string>();
  const [first] = clouds;
  if (first === undefined) return { provisioned: 0, failed: 0, unreadable };
  const partial = clouds.filter(({ counts }) => counts.provisioned < devices);
  const refusing = clouds.filter(({ counts }) => counts.failed > 0);
  if (partial.length <= 1 && refusing.length <= 1) {
    return {
      provisioned: Math.min(...clouds.map(({ counts }) => counts.provisioned)),
      failed: Math.max(...clouds.map(({ counts }) => counts.failed)),
      unreadable,
    };
  }
  return { ...compare(clouds, unreadable), unreadable };
}

function compare(
  clouds: readonly CloudLedger[],
  unreadable: Map<CloudLedger, string>,
): { provisioned: number; failed: number } {
  const sum = { provisioned: 0, failed: 0 };
  const indexes = new Set(clouds.flatMap(({ ledgers }) => ledgers.map((ledger) => ledger.spec.chunk.index)));
  for (const index of indexes) {
    const chunks = clouds.map((cloud) => statesOf(cloud, index, unreadable));
    const length = Math.max(...chunks.map((states) => states?.length ?? 0));
    for (let at = 0; at < length; at += 1) {
      if (chunks.every((states) => states?.[at] === PROVISIONED)) sum.provisioned += 1;
      if (chunks.some((states) => states !== undefined && isFailed(states[at] ?? 0))) sum.failed += 1;
    }
  }
  return sum;
}

function statesOf(
  cloud: CloudLedger,
  index: number,
  unreadable: Map<CloudLedger, string>,
): Uint8Array | undefined {
  const ledger = cloud.ledgers.find(({ spec }) => spec.chunk.index === index);
  if (ledger === undefined) return undefined;
  const { format, data, chunk } = ledger.spec;
  try {
    return decodeStates(format, data, chunk.devices);
  } catch (error) {
    if (!(error instanceof LedgerFormatError)) throw error;
    unreadable.set(cloud, `ledger ${ledger.metadata.name}: ${error.message}`);
    return undefined;
  }
}
