import type { Difference, StatusEntry } from "../../protocol/answers.ts";
import { refused } from "../../protocol/refusals.ts";
import type { CheckedCertificate } from "../port.ts";
import { type Reading, readDevice } from "./read-device.ts";
import type { Work } from "./work.ts";
import { sideBySide } from "./side-by-side.ts";
import { codeOf, type Wanted } from "./wanted.ts";

export async function readAll(
  work: Work,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<Map<Wanted, Reading>> {
  const readings = await sideBySide(wanted, work.parallel, async (each): Promise<[Wanted, Reading]> => [
    each,
    await readDevice(work, each.name, signal),
  ]);
  return new Map(readings);
}

export function statusEntry(
  { ref, thumbprint }: CheckedCertificate,
  wanted: Wanted | undefined,
  readings: ReadonlyMap<Wanted, Reading>,
): StatusEntry {
  const reading = wanted === undefined ? undefined : readings.get(wanted);
  if (reading !== undefined && "ending" in reading) return refused(ref, codeOf(reading.ending));
  const device = reading !== undefined && "device" in reading ? reading.device : undefined;
  const present = device?.thumbprints.includes(thumbprint) === true;
  const active = present && device.enabled;
  const differs: Difference[] = [];
  if (!present) differs.push("Missing");
  else if (!active) differs.push("Inactive");
  if (device !== undefined && !present) differs.push("ExistsWithAnotherCertificate");
  return {
    ref,
    status: "SUCCESS",
    name: wanted?.name ?? null,
    present,
    active,
    // The hub knows a certificate by its device alone.
    attached: present,
    policyApplied: false,
    differs,
  };
}
