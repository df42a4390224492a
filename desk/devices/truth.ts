import type { ManifestRecord } from "../../operator/manifests/index.ts";
import {
  bucketOf,
  type DeviceState,
  failureReason,
  isFailed,
} from "../../operator/provisioning/ledger/states.ts";
import type { Place } from "./places.ts";

/** How one device stands in one cloud; `Quarantined` and `Bound` are of no cloud. */
export type Standing =
  | "Bound"
  | "Pending"
  | "Provisioned"
  | "Failed"
  | "Deprovisioning"
  | "Deprovisioned"
  | "Quarantined";

/** The truth about one device in one cloud. */
export interface DeviceLine {
  /** Empty where a refused entry has none that can be read. */
  readonly device: string;
  /** The CloudApi's name; empty where the device goes nowhere: it is quarantined, or bound only. */
  readonly cloud: string;
  readonly state: Standing;
  /** Why, as one word: of a failed or quarantined one. */
  readonly reason?: string;
  readonly message?: string;
  /** Where the entry is in the manifest; in CSV its line. */
  readonly row: number;
  /** Hex; of a device whose certificate was taken. */
  readonly serial?: string;
  /** RFC 3339. */
  readonly expires?: string;
}

const WORDS: Record<ReturnType<typeof bucketOf>, Standing> = {
  pending: "Pending",
  provisioned: "Provisioned",
  failed: "Failed",
  quarantined: "Quarantined",
  leaving: "Deprovisioning",
  removed: "Deprovisioned",
};

/** What a person asks for. */
export interface DeviceFilter {
  /** None: whatever state. */
  readonly states?: ReadonlySet<Standing>;
  /** None: whatever cloud. */
  readonly clouds?: ReadonlySet<string>;
}

/**
 * Whether a look at the ledgers' counters tells that no device is asked for, so that the manifest need not be read.
 * Counters tell nothing of quarantined entries before the first pass, nor of those that were never sent.
 */
export function surelyNone(places: readonly Place[], { states, clouds }: DeviceFilter): boolean {
  if (states === undefined || states.size !== 1 || !states.has("Failed")) return false;
  return places.every(({ cloud, counts }) => counts.failed === 0 || clouds?.has(cloud) === false);
}

/** Streams the lines of all entries, entry by entry and within it cloud by cloud. */
export async function* deviceLines(
  records: AsyncIterable<ManifestRecord>,
  places: readonly Place[],
  { states, clouds }: DeviceFilter,
): AsyncGenerator<DeviceLine> {
  const asked = clouds === undefined ? places : places.filter(({ cloud }) => clouds.has(cloud));
  for await (const record of records) {
    for (const line of linesOf(record, asked, clouds !== undefined)) {
      if (states === undefined || states.has(line.state)) yield line;
    }
  }
}

function linesOf(record: ManifestRecord, places: readonly Place[], ofClouds: boolean): DeviceLine[] {
  const { row, ordinal } = record;
  if (record.kind === "refused") {
    const { deviceId: device = "", reason, message } = record;
    return [{ device, cloud: "", state: "Quarantined", reason, message, row }];
  }
  const { deviceId: device, serial } = record;
  const known = { row, serial, expires: record.notAfter.toISOString().replace(/\.000Z$/, "Z") };
  if (places.length === 0) return ofClouds ? [] : [{ device, cloud: "", state: "Bound", ...known }];
  return places.map(({ cloud, state }) => ({ device, cloud, ...wordsFor(state(ordinal)), ...known }));
}

function wordsFor(state: DeviceState): Pick<DeviceLine, "state" | "reason"> {
  if (isFailed(state)) return { state: "Failed", reason: failureReason(state) };
  return { state: WORDS[bucketOf(state)] };
}
