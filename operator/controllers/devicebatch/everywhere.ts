import type { ProvisioningLedger } from "../../../crds/index.ts";
import { decodeStates } from "../../provisioning/ledger/format.ts";
import { isFailed, PROVISIONED } from "../../provisioning/ledger/states.ts";
import type { CloudCounts } from "./cloud-progress.ts";

export interface CloudLedger {
  readonly counts: CloudCounts;
  readonly ledgers: readonly ProvisioningLedger[];
}

/**
 * How many devices are in every one of the clouds, and how many at least one of them refused. Clouds that
 * differ in their failures are compared device by device; otherwise the counts say it.
 *
 * @param devices how many are bound.
 */
export function everywhere(
  clouds: readonly CloudLedger[],
  devices: number,
): { provisioned: number; failed: number } {
  const [first] = clouds;
  if (first === undefined) return { provisioned: 0, failed: 0 };
  const partial = clouds.filter(({ counts }) => counts.provisioned < devices);
  const refusing = clouds.filter(({ counts }) => counts.failed > 0);
  if (partial.length <= 1 && refusing.length <= 1) {
    return {
      provisioned: Math.min(...clouds.map(({ counts }) => counts.provisioned)),
      failed: Math.max(...clouds.map(({ counts }) => counts.failed)),
    };
  }
  return compare(clouds);
}

function compare(clouds: readonly CloudLedger[]): { provisioned: number; failed: number } {
  const sum = { provisioned: 0, failed: 0 };
  const indexes = new Set(clouds.flatMap(({ ledgers }) => ledgers.map((ledger) => ledger.spec.chunk.index)));
  for (const index of indexes) {
    const chunks = clouds.map(({ ledgers }) => {
      const spec = ledgers.find((ledger) => ledger.spec.chunk.index === index)?.spec;
      return spec && decodeStates(spec.format, spec.data, spec.chunk.devices);
    });
    const length = Math.max(...chunks.map((states) => states?.length ?? 0));
    for (let at = 0; at < length; at += 1) {
      if (chunks.every((states) => states?.[at] === PROVISIONED)) sum.provisioned += 1;
      if (chunks.some((states) => states !== undefined && isFailed(states[at] ?? 0))) sum.failed += 1;
    }
  }
  return sum;
}
