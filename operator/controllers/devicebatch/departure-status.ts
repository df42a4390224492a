import type { CloudProgress, DeviceBatch } from "../../../crds/index.ts";
import type { Verdict } from "../../runtime/conditions.ts";
import type { BatchReason } from "../reasons.ts";
import { estimate, explain, goesOnByItself, limitedBy, round } from "./cloud-progress.ts";
import { type Departure, stillIn } from "./departures.ts";
import { shorten } from "./shorten.ts";

/** What keeps devices in a cloud that they should leave; undefined while they leave. */
function hindranceOf(
  { obstacle, progress }: Departure,
  now: Date,
): { reason: string; message: string } | undefined {
  if (obstacle !== undefined) return { reason: obstacle.reason, message: explain(obstacle, now) };
  const hindrance = progress?.hindrance;
  if (hindrance === undefined || goesOnByItself(progress, now)) return undefined;
  return { reason: hindrance.reason, message: explain(hindrance, now) };
}

/** The line of a cloud that devices are taken out of. */
export function departureProgress(departure: Departure, batch: DeviceBatch, now: Date): CloudProgress {
  const { name, target, counts, obstacle, progress } = departure;
  const hindrance = hindranceOf(departure, now);
  const rate = progress?.running === true ? round(progress.devicesPerSecond) : 0;
  const left = stillIn(counts) + counts.failed + counts.pending;
  const before = batch.status?.clouds?.find((line) => line.name === name);
  const blocked = obstacle?.state === "Suspended" ? "Suspended" : "Blocked";
  const state = hindrance === undefined ? "Deprovisioning" : blocked;
  return {
    name,
    state,
    provisioned: stillIn(counts),
    failed: counts.failed,
    pending: counts.pending,
    ...(rate > 0 && hindrance === undefined
      ? { devicesPerSecond: rate, estimatedCompletion: estimate(left / rate, before, now) }
      : {}),
    ...limitedBy(progress, state),
    message: shorten(
      hindrance?.message ?? `devices are being taken out of ${target}; ${counts.removed} are out`,
      1024,
    ),
  };
}

/** What is said of a batch whose devices are to leave clouds, all of them in one sentence. */
export function departuresVerdict(departures: readonly Departure[], now: Date): Verdict<BatchReason> {
  const held = departures.flatMap((departure) => {
    const hindrance = hindranceOf(departure, now);
    return hindrance === undefined ? [] : [{ name: departure.name, ...hindrance }];
  });
  // Nothing comes of itself: neither a probe nor a next try is planned.
  const stalled = departures.some(
    ({ obstacle }) =>
      obstacle !== undefined && obstacle.state !== "Pending" && obstacle.nextTryAt === undefined,
  );
  const left = departures.reduce((sum, { counts }) => sum + stillIn(counts), 0);
  const count = `${left} devices are still in ${departures.map(({ name }) => name).join(", ")}, out of which they are to be taken`;
  const why = held.map(({ name, message }) => `${name}: ${message}`).join("; ");
  if (held.length === 0) return { state: "progressing", reason: "Deprovisioning", message: count };
  const unable = held.some(({ reason }) => reason === "DeprovisionUnsupported");
  return {
    state: stalled ? "stalled" : "retrying",
    reason: unable ? "DeprovisionUnsupported" : "DeprovisionBlocked",
    message: `${count}; ${why}`,
  };
}
