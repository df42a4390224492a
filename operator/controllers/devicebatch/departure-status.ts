import type { CloudProgress, DeviceBatch } from "../../../crds/index.ts";
import type { Counts } from "../../provisioning/ledger/states.ts";
import type { Verdict } from "../../runtime/conditions.ts";
import type { BatchReason } from "../reasons.ts";
import { estimate, explain, type Explicable, goesOnByItself, limitedBy, round } from "./cloud-progress.ts";
import { type Departure, stillIn } from "./departures.ts";
import { shorten } from "./shorten.ts";

/** What keeps devices in a cloud that they should leave; undefined while they leave. */
function holdOf({ obstacle, progress }: Departure, now: Date): Explicable | undefined {
  if (obstacle !== undefined) return obstacle;
  return goesOnByItself(progress, now) ? undefined : progress?.hindrance;
}

/** @param all of one cloud, or of several. With an answer outstanding, nobody knows who is in. */
function stillInOf(all: readonly Counts[], where: string): string {
  const left = all.reduce((sum, counts) => sum + stillIn(counts), 0);
  const known = all.some(({ leaving }) => leaving > 0) ? " as far as is known" : "";
  return `${left} devices are still in ${where}${known}`;
}

/**
 * The line of a cloud that devices are taken out of. Only those are called provisioned whom no request may have taken
 * out yet; who is on the way out is pending until the cloud has answered, be it called or not.
 */
export function departureProgress(departure: Departure, batch: DeviceBatch, now: Date): CloudProgress {
  const { name, target, counts, obstacle, progress } = departure;
  const hold = holdOf(departure, now);
  const rate = progress?.running === true ? round(progress.devicesPerSecond) : 0;
  const left = stillIn(counts) + counts.failed + counts.pending;
  const before = batch.status?.clouds?.find((line) => line.name === name);
  const blocked = obstacle?.state === "Suspended" ? "Suspended" : "Blocked";
  const state = hold === undefined ? "Deprovisioning" : blocked;
  const still = stillInOf([counts], target);
  const message =
    hold === undefined
      ? `devices are being taken out of ${target}; ${counts.removed} are out, ${still}`
      : explain({ ...hold, message: `${hold.message}; ${still}` }, now);
  return {
    name,
    state,
    provisioned: counts.provisioned,
    failed: counts.failed,
    pending: counts.pending + counts.leaving,
    ...(rate > 0 && hold === undefined
      ? { devicesPerSecond: rate, estimatedCompletion: estimate(left / rate, before, now) }
      : {}),
    ...limitedBy(progress, state),
    message: shorten(message, 1024),
  };
}

/** What is said of a batch whose devices are to leave clouds, all of them in one sentence. */
export function departuresVerdict(departures: readonly Departure[], now: Date): Verdict<BatchReason> {
  const held = departures.flatMap((departure) => {
    const hold = holdOf(departure, now);
    return hold === undefined
      ? []
      : [{ name: departure.name, reason: hold.reason, message: explain(hold, now) }];
  });
  // Nothing comes of itself: neither a probe nor a next try is planned.
  const stalled = departures.some(
    ({ obstacle }) =>
      obstacle !== undefined && obstacle.state !== "Pending" && obstacle.nextTryAt === undefined,
  );
  const names = departures.map(({ name }) => name).join(", ");
  const still = stillInOf(
    departures.map(({ counts }) => counts),
    names,
  );
  const count = `${still}, out of which they are to be taken`;
  const why = held.map(({ name, message }) => `${name}: ${message}`).join("; ");
  if (held.length === 0) return { state: "progressing", reason: "Deprovisioning", message: count };
  const unable = held.some(({ reason }) => reason === "DeprovisionUnsupported");
  return {
    state: stalled ? "stalled" : "retrying",
    reason: unable ? "DeprovisionUnsupported" : "DeprovisionBlocked",
    message: `${count}; ${why}`,
  };
}
