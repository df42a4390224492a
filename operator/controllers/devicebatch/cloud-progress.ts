import type {
  CloudActivity,
  CloudProgress,
  DeviceBatch,
  ProvisioningLedger,
  ReelBinding,
} from "../../../crds/index.ts";
import { addCounts } from "../../provisioning/ledger/states.ts";
import { CHUNK_DEVICES } from "../../provisioning/ledger/format.ts";
import type { PlacementProgress } from "../../provisioning/placement-spec.ts";
import { PACED } from "../../provisioning/reasons.ts";
import type { CloudLink } from "../cloudapi/links.ts";
import type { ObstacleReason } from "../reasons.ts";
import { withRemedy } from "../remedies.ts";
import { nextTry } from "../next-try.ts";
import { shorten } from "./shorten.ts";

/** Why a declared cloud cannot be called, whoever's fault it is. */
export interface Obstacle {
  readonly state: "Pending" | "Blocked" | "Suspended";
  readonly reason: ObstacleReason;
  readonly message: string;
  /** What to do, where it is another thing than the reason's remedy. */
  readonly todo?: string | undefined;
  /** Epoch ms; undefined when only a change of what is declared helps. */
  readonly nextTryAt?: number | undefined;
}

/** One declared cloud of a bound batch, as it is seen now. */
export interface CloudView {
  readonly name: string;
  /** Names the placement in the ferry; undefined where it is not known which cloud it is. */
  readonly key?: string | undefined;
  readonly link: CloudLink | undefined;
  readonly obstacle: Obstacle | undefined;
  /** The chunks that are written. */
  readonly ledgers: readonly ProvisioningLedger[];
  readonly progress: PlacementProgress | undefined;
  /** How the devices stand there, as the cloud told; undefined where it does not tell. */
  readonly activity?: CloudActivity | undefined;
}

/** What the ledger says of one cloud; the only source of counters. */
export interface CloudCounts {
  readonly provisioned: number;
  readonly failed: number;
  readonly pending: number;
  /** Every entry has an answer, and the wanted request is handled. */
  readonly complete: boolean;
}

/** Counts one cloud's devices. @param request the wanted "provision now" request, if any. */
export function countCloud(
  binding: ReelBinding,
  ledgers: readonly ProvisioningLedger[],
  request: string | undefined,
): CloudCounts {
  const { devices, records } = binding.spec;
  const counts = addCounts(ledgers.map((ledger) => ledger.spec.counts));
  const chunks = Math.max(1, Math.ceil(records / CHUNK_DEVICES));
  const handled = ledgers.every((ledger) => request === undefined || ledger.spec.request === request);
  return {
    provisioned: counts.provisioned,
    failed: counts.failed,
    // Not the ledger's own pending: until the first pass it holds the refused entries too.
    pending: Math.max(0, devices - counts.provisioned - counts.failed),
    // Those that were taken out are to go in again: whoever counts here has named the cloud.
    complete: ledgers.length === chunks && counts.pending + counts.leaving + counts.removed === 0 && handled,
  };
}

/** A cloud's line in the batch's status. */
export function cloudProgress(
  view: CloudView,
  counts: CloudCounts,
  batch: DeviceBatch,
  now: Date,
): CloudProgress {
  const head = view.ledgers.find((ledger) => ledger.spec.chunk.index === 0)?.spec;
  const { state, message } = stateOf(view, counts, now);
  const rate = view.progress?.running === true ? round(view.progress.devicesPerSecond) : 0;
  const before = batch.status?.clouds?.find(({ name }) => name === view.name);
  return {
    name: view.name,
    state,
    provisioned: counts.provisioned,
    failed: counts.failed,
    pending: counts.pending,
    ...(rate > 0 && state === "Provisioning" ? { devicesPerSecond: rate } : {}),
    ...(rate > 0 && state === "Provisioning"
      ? { estimatedCompletion: estimate(counts.pending / rate, before, now) }
      : {}),
    ...limitedBy(view.progress, state),
    ...(head?.deviceEndpoint === undefined ? {} : { deviceEndpoint: head.deviceEndpoint }),
    ...(head?.startedAt === undefined ? {} : { startedAt: seconds(head.startedAt) }),
    ...(head?.provisionedAt === undefined || !counts.complete || counts.failed > 0
      ? {}
      : { provisionedAt: seconds(head.provisionedAt) }),
    ...(view.activity === undefined ? {} : { activity: view.activity }),
    ...(message === undefined ? {} : { message: shorten(message, 1024) }),
  };
}

type State = { state: CloudProgress["state"]; message?: string };

/** What a cloud that throttles says; one that lets nobody in does not come to a rate. */
const THROTTLED = new Set(["CloudBusy", "Throttled"]);

/** Faults that often pass by themselves: a restart, a lost answer. One alone must not turn a batch's verdict. */
const PASSING = new Set([
  "Timeout",
  "ServerError",
  "ConnectionBroken",
  "ConnectionRefused",
  "BadAnswer",
  "SourceUnavailable",
  "CacheFull",
  "LedgerNotWritten",
  "InternalError",
]);
/** So long without a device going in, such a fault is one that people should know of. */
const PATIENCE_MS = 10_000;

function stateOf({ obstacle, progress }: CloudView, counts: CloudCounts, now: Date): State {
  // A name that leads nowhere is a fault of the batch, whatever went through it before.
  if (counts.complete && obstacle?.reason !== "CloudApiNotFound") {
    if (counts.failed === 0) return { state: "Provisioned" };
    return { state: "Failed", message: `${counts.failed} devices were refused; see status.failures` };
  }
  if (obstacle !== undefined) return { state: obstacle.state, message: explain(obstacle, now) };
  const hindrance = progress?.hindrance;
  const begun = counts.provisioned + counts.failed > 0;
  if (hindrance === undefined)
    return { state: begun || progress?.running === true ? "Provisioning" : "Pending" };
  return {
    state: goesOnByItself(progress, now) ? "Provisioning" : "Blocked",
    message: explain(hindrance, now),
  };
}

/** Whether a placement that is held up works through that by itself, as far as can be said by now. */
export function goesOnByItself(progress: PlacementProgress | undefined, now: Date): boolean {
  return PACED.has(progress?.hindrance?.reason ?? "") || patienceLeft(progress, now) > 0;
}

/** Milliseconds for which a fault may still pass before its cloud is shown as blocked; 0 when there is none such. */
export function patienceLeft(progress: PlacementProgress | undefined, now: Date): number {
  const hindrance = progress?.hindrance;
  if (hindrance === undefined || !PASSING.has(hindrance.reason)) return 0;
  return Math.max(0, hindrance.since + PATIENCE_MS - now.getTime());
}

/** What is to be explained: why, and in which words. */
export interface Explicable {
  readonly reason: string;
  readonly message: string;
  readonly todo?: string | undefined;
  /** Epoch ms */
  readonly nextTryAt?: number | undefined;
}

/** A reason and its message, with when the next try is, whose matter it is, and what to do. */
export function explain({ reason, message, todo, nextTryAt }: Explicable, now: Date): string {
  const planned = nextTryAt !== undefined && Number.isFinite(nextTryAt) && nextTryAt > now.getTime();
  return withRemedy(reason, `${reason}: ${message}${planned ? nextTry(nextTryAt) : ""}`, todo);
}

/** What sets the pace, where devices are on their way; an address that does not answer also where that is all there is. */
export function limitedBy(
  progress: PlacementProgress | undefined,
  state: CloudProgress["state"],
): { limitedBy?: string } {
  if (progress?.running !== true) return {};
  const busy = THROTTLED.has(progress.hindrance?.reason ?? "");
  const by = progress.limitedBy?.by ?? (busy ? "CloudThrottling" : undefined);
  const shown =
    state === "Provisioning" || state === "Deprovisioning" || (state === "Blocked" && by === "Unreachable");
  return shown && by !== undefined ? { limitedBy: by } : {};
}

/** An estimate that moves by less than a tenth (or 2 s) is left, so that it does not make a write of its own. */
export function estimate(secondsLeft: number, before: CloudProgress | undefined, now: Date): string {
  const at = new Date(now.getTime() + secondsLeft * 1_000);
  const earlier = before?.estimatedCompletion;
  if (earlier !== undefined) {
    const off = Math.abs(Date.parse(earlier) - at.getTime());
    if (off < Math.max(2_000, secondsLeft * 100)) return earlier;
  }
  return seconds(at.toISOString());
}

/** A time as a status has it: RFC 3339, in whole seconds. */
export function seconds(time: string): string {
  return `${time.slice(0, 19)}Z`;
}

/** A rate for people: whole from ten on, with one digit below. */
export function round(rate: number): number {
  return rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10;
}
