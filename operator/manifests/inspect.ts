import { PackedHashSet, TextHash } from "./duplicates.ts";
import { ManifestError } from "./errors.ts";
import { readBatches } from "./reader.ts";
import {
  DEFAULT_LIMITS,
  type ManifestRecord,
  type ManifestSummary,
  type ReadOptions,
  type StoredManifest,
} from "./records.ts";

const FIRST = 10;
/** Issuers and kinds of keys that are told; as many say that there may be more. More than a binding lists: a test holds it. */
const TOLD = 17;

/** Keeps what is read, for a second reading without the work of the first. */
export interface Keeping {
  add(records: readonly ManifestRecord[]): Promise<void>;
  /** What was added, in its order. */
  again(): AsyncIterable<readonly SerialRecord[]>;
}

type SerialRecord = { kind: "refused" } | { kind: "device"; serial: string };

/**
 * Reads a manifest to its end and sums it up.
 * @throws ManifestError as readManifest does, and ManifestTooLarge when too many serial numbers collide
 */
export async function inspectManifest(
  manifest: StoredManifest,
  options: ReadOptions,
  signal: AbortSignal,
  keeping?: Keeping,
): Promise<ManifestSummary> {
  const summary = { records: 0, devices: 0, refused: 0 };
  const firstRefused: ManifestSummary["firstRefused"] = [];
  const issuers = new Set<string>();
  const keyTypes = new Set<string>();
  const serials = new PackedHashSet(40);
  const serialHash = new TextHash();
  const suspects = new Set<string>();
  const { maxCollidingSerials } = { ...DEFAULT_LIMITS, ...options.limits };
  let earliest: Date | undefined;
  let format = "";
  const batches = readBatches(manifest, options, signal, (name) => {
    format = name;
  });
  const count = (record: ManifestRecord): void => {
    summary.records += 1;
    if (record.kind === "refused") {
      summary.refused += 1;
      const { row, deviceId, reason, message } = record;
      const device = deviceId === undefined ? {} : { device: deviceId };
      if (firstRefused.length < FIRST) firstRefused.push({ row, ...device, reason, message });
      return;
    }
    summary.devices += 1;
    if (issuers.size < TOLD) issuers.add(record.issuer);
    if (keyTypes.size < TOLD) keyTypes.add(record.keyType);
    if (earliest === undefined || record.notAfter < earliest) earliest = record.notAfter;
    const met = !serials.add(serialHash.of(record.serial));
    if (met && suspects.size <= maxCollidingSerials) suspects.add(record.serial);
  };
  for await (const batch of batches) {
    batch.forEach(count);
    await keeping?.add(batch);
  }
  if (suspects.size > maxCollidingSerials) {
    throw new ManifestError(
      "ManifestTooLarge",
      `more than ${maxCollidingSerials} serial numbers are each borne by several devices, which is more than can be kept apart: ask the vendor whether these certificates are right`,
    );
  }
  return {
    sha256: manifest.sha256,
    ...summary,
    firstRefused,
    issuers: [...issuers],
    keyTypes: [...keyTypes],
    ...(earliest === undefined ? {} : { earliestExpiry: earliest.toISOString() }),
    format,
    collidingSerials: await borneTwice(suspects, () =>
      keeping === undefined ? readBatches(manifest, options, signal, () => {}) : keeping.again(),
    ),
  };
}

/** A hash alone may meet by chance, so serials that seem to collide are counted in a second reading. */
async function borneTwice(
  suspects: ReadonlySet<string>,
  again: () => AsyncIterable<readonly SerialRecord[]>,
): Promise<ReadonlySet<string>> {
  const twice = new Set<string>();
  if (suspects.size === 0) return twice;
  const once = new Set<string>();
  for await (const batch of again()) {
    for (const record of batch) {
      if (record.kind !== "device" || !suspects.has(record.serial)) continue;
      if (once.has(record.serial)) twice.add(record.serial);
      else once.add(record.serial);
    }
  }
  return twice;
}
