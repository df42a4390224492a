import { type CloudActivity, type CloudProgress, type DeviceBatchStatus } from "../../../crds/index.ts";
import type { RoundResult } from "../../provisioning/survey/surveys.ts";
import { type Condition, formatTime, removeCondition, setCondition } from "../../runtime/conditions.ts";
import type { ActiveReason } from "../reasons.ts";
import { shorten } from "./shorten.ts";

/** A status names at most so many devices that differ, shared out over its clouds, for it must not grow large. */
const NAMED = 20;
const NAMED_EACH = 10;
const WHAT_CHARACTERS = 128;
/** A message is about so many clouds: an Event takes 1024 bytes, and ends with what to do. */
const EXPLAINED = 3;

/** What a round has brought, as a status says it. @param clouds how many the batch has */
export function activityOf(result: RoundResult, clouds: number): CloudActivity {
  const { asked, active, differing, rounds, request } = result;
  const most = Math.max(1, Math.min(NAMED_EACH, Math.floor(NAMED / Math.max(1, clouds))));
  const differences = result.differences
    .slice(0, most)
    .map(({ device, what }) => ({ device, what: shorten(what, WHAT_CHARACTERS) }));
  return {
    toldAt: formatTime(new Date(result.toldAt)),
    asked,
    active,
    differing,
    ...(differences.length === 0 ? {} : { differences }),
    rounds,
    ...(request === undefined ? {} : { request }),
  };
}

/** What clouds told of a batch's devices, as one condition; undefined where none has told. */
export function activeCondition(
  lines: readonly CloudProgress[],
): (Pick<Condition, "type" | "status" | "message"> & { reason: ActiveReason }) | undefined {
  const told = lines.flatMap(({ name, activity }) => (activity === undefined ? [] : [{ name, activity }]));
  if (told.length === 0) return undefined;
  const differing = told.filter(({ activity }) => activity.differing > 0);
  const [status, reason] = differing.length === 0 ? TRUE : FALSE;
  const message = differing.length === 0 ? told.map(active).join("; ") : explainDifferences(differing);
  return { type: "Active", status, reason, message };
}

const TRUE = ["True", "DevicesActive"] as const;
const FALSE = ["False", "DevicesDiffer"] as const;

interface Told {
  readonly name: string;
  readonly activity: CloudActivity;
}

function active({ name, activity: { active, asked } }: Told): string {
  return `${name} knows and lets in ${active} of ${asked} devices that it was asked about`;
}

function explainDifferences(told: readonly Told[]): string {
  const clouds = told.slice(0, EXPLAINED).map(({ name, activity: { differing, asked, differences } }, at) => {
    const [first] = differences ?? [];
    const example = first === undefined || at > 0 ? "" : ` (${first.device}: ${first.what})`;
    return `in ${name}, ${differing} of ${asked} devices that it was asked about are not as they were left there${example}`;
  });
  const more = told.length - clouds.length;
  if (more > 0) clouds.push(`and so in ${more} more ${more === 1 ? "cloud" : "clouds"}`);
  const words = new Set(
    told.flatMap(({ activity }) => (activity.differences ?? []).flatMap(({ what }) => what.split(", "))),
  );
  // Sending them again does not put these right.
  const taken = words.has("ExistsWithAnotherCertificate")
    ? "remove there what holds the name of a device with another certificate, then "
    : "";
  return `${clouds.join("; ")}; status.clouds names them. If nobody means it so, ${taken}annotate the batch with certferry.dev/provision-requested-at: every device is sent once more, which puts right what is missing, and lets in again devices that were locked out`;
}

/** The conditions with Active, or without it where no cloud has told. */
export function withActive(
  conditions: readonly Condition[],
  lines: readonly CloudProgress[],
  observedGeneration: number,
  now: Date,
): NonNullable<DeviceBatchStatus["conditions"]> {
  const condition = activeCondition(lines);
  if (condition === undefined) return removeCondition(conditions, "Active");
  return setCondition(conditions, { ...condition, observedGeneration }, now);
}
