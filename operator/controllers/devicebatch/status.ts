import type {
  CloudProgress,
  DeviceBatch,
  DeviceBatchStatus,
  DeviceFailure,
  ReelBinding,
} from "../../../crds/index.ts";
import { readiness, removeCondition, setCondition, type Verdict } from "../../runtime/conditions.ts";
import type { BatchReason, UnboundReason } from "../reasons.ts";
import { withRemedy } from "../remedies.ts";
import type { CloudChoice } from "./cloud-plan.ts";
import { withActive } from "./activity.ts";
import { cloudProgress, type CloudView, countCloud } from "./cloud-progress.ts";
import { departureProgress, departuresVerdict } from "./departure-status.ts";
import type { Departure } from "./departures.ts";
import { everywhere } from "./everywhere.ts";
import { shorten } from "./shorten.ts";

/** A batch that has no reel (yet). */
export interface UnboundView {
  readonly batch: DeviceBatch;
  /** Under way, waiting for something that may come by itself, or for a person. */
  readonly state: "progressing" | "retrying" | "stalled";
  readonly reason: UnboundReason;
  readonly message: string;
}

/** A batch that has its reel. */
export interface BoundView {
  readonly batch: DeviceBatch;
  readonly binding: ReelBinding;
  readonly choice: CloudChoice;
  readonly clouds: readonly CloudView[];
  /** Clouds that are declared no more, and whose devices are to be taken out. */
  readonly departures: readonly Departure[];
  readonly request: string | undefined;
}

const FAILURES_SHOWN = 10;
/** As many as the schema takes. */
const MAX_LINES = 64;
const FAILURE_MESSAGE = 512;

/** The status of a batch that is not bound. */
export function unboundStatus({ batch, state, reason, message }: UnboundView, now: Date): DeviceBatchStatus {
  const at = { observedGeneration: batch.metadata.generation ?? 0, now };
  const verdict: Verdict<UnboundReason> = { state, reason, message };
  const { observedGeneration } = at;
  let conditions = setCondition(
    batch.status?.conditions,
    { type: "Bound", status: "False", reason, message, observedGeneration },
    now,
  );
  conditions = removeCondition(removeCondition(conditions, "Provisioned"), "Active");
  return { observedGeneration, conditions: readiness(conditions, verdict, at) };
}

/**
 * The status of a batch that is being deleted and may not go yet: as it was, but for who leaves, and why it waits. It is
 * provisioned no more: it wants to be nowhere.
 */
export function heldStatus(
  batch: DeviceBatch,
  departures: readonly Departure[],
  now: Date,
): DeviceBatchStatus {
  const at = { observedGeneration: batch.metadata.generation ?? 0, now };
  const { observedGeneration } = at;
  const verdict = departuresVerdict(departures, now);
  const { reason, message } = verdict;
  const conditions = setCondition(
    removeCondition(batch.status?.conditions, "Active"),
    { type: "Provisioned", status: "False", reason, message, observedGeneration },
    now,
  );
  const clouds = departures.map((departure) => departureProgress(departure, batch, now));
  const { provisionedDevices: _devices, provisionedAt: _at, ...status } = batch.status ?? {};
  return { ...status, observedGeneration, clouds, conditions: readiness(conditions, verdict, at) };
}

/** The status of a bound batch, see {@link judgeBound}. */
export function boundStatus(view: BoundView, now: Date): DeviceBatchStatus {
  return judgeBound(view, now).status;
}

/** The status of a bound batch: counters from the ledgers, and one verdict over all clouds, with its reason. */
export function judgeBound(view: BoundView, now: Date): { status: DeviceBatchStatus; reason: BatchReason } {
  const { batch, binding, clouds, request } = view;
  const { devices } = binding.spec;
  const observedGeneration = batch.metadata.generation ?? 0;
  const counted = clouds.map((view) => ({
    view,
    ledgers: view.ledgers,
    counts: countCloud(binding, view.ledgers, request),
  }));
  const { provisioned, failed, unreadable } = everywhere(counted, devices);
  const lines = counted.map((cloud) => {
    const why = unreadable.get(cloud);
    if (why === undefined) return cloudProgress(cloud.view, cloud.counts, batch, now);
    const obstacle = { state: "Blocked", reason: "LedgerUnreadable", message: why } as const;
    return cloudProgress({ ...cloud.view, obstacle }, { ...cloud.counts, complete: false }, batch, now);
  });
  const verdict = judge(view, lines, { provisioned, failed }, now);
  const leaving = view.departures.map((departure) => departureProgress(departure, batch, now));
  const done = lines.length > 0 && lines.every((line) => line.state === "Provisioned");
  const provisionedAt = done ? latest(lines) : undefined;
  const failures = failuresOf(view);
  const conditions = conditionsOf(batch, binding, { verdict, done, observedGeneration }, now);
  const status: DeviceBatchStatus = {
    observedGeneration,
    boundDevices: devices,
    provisionedDevices: provisioned,
    failedDevices: failed,
    boundAt: binding.spec.boundAt,
    ...(provisionedAt === undefined ? {} : { provisionedAt }),
    manifestSha256: binding.spec.manifestSha256,
    ...(lines.length + leaving.length === 0 ? {} : { clouds: withoutDoubles([...lines, ...leaving]) }),
    ...(lines.length === 0 ? {} : { cloudNames: lines.map(({ name }) => name).join(", ") }),
    ...(failures.length === 0 ? {} : { failures }),
    conditions: withActive(conditions, lines, observedGeneration, now),
  };
  return { status, reason: verdict.reason };
}

function conditionsOf(
  batch: DeviceBatch,
  binding: ReelBinding,
  {
    verdict,
    done,
    observedGeneration,
  }: { verdict: Verdict<BatchReason>; done: boolean; observedGeneration: number },
  now: Date,
): NonNullable<DeviceBatchStatus["conditions"]> {
  const bound = {
    type: "Bound",
    status: "True" as const,
    reason: "Bound",
    message: `reel ${batch.spec.batchId} with ${binding.spec.devices} devices is bound to this account`,
    observedGeneration,
  };
  const { reason, message } = verdict;
  const provisioned = {
    type: "Provisioned",
    status: done ? ("True" as const) : ("False" as const),
    reason,
    message,
    observedGeneration,
  };
  const conditions = setCondition(setCondition(batch.status?.conditions, bound, now), provisioned, now);
  return readiness(conditions, verdict, { observedGeneration, now });
}

/** What holds the batch up comes before what goes well. */
function judge(
  { batch, binding, choice, departures }: BoundView,
  lines: readonly CloudProgress[],
  { provisioned, failed }: { provisioned: number; failed: number },
  now: Date,
): Verdict<BatchReason> {
  const { devices } = binding.spec;
  if (departures.length > 0) return departuresVerdict(departures, now);
  if (choice.kind === "boundOnly") {
    return {
      state: "ready",
      reason: "BoundOnly",
      message: `${devices} devices are bound; provisioning is Manual and no cloud is named in spec.cloudApis`,
    };
  }
  if (choice.kind === "none") {
    return {
      state: choice.reason === "AmbiguousDefault" ? "stalled" : "retrying",
      reason: choice.reason,
      message: choice.message,
    };
  }
  if (lines.every(({ state }) => state === "Provisioned")) {
    const names = lines.map(({ name }) => name).join(", ");
    return { state: "ready", reason: "Provisioned", message: `${devices} devices are in ${names}` };
  }
  const blocked = lines.filter(({ state }) => state === "Blocked");
  const failing = lines.filter(({ state }) => state === "Failed");
  const moving = lines.filter(({ state }) => state === "Provisioning" || state === "Pending");
  const count = `${provisioned} of ${devices} devices are in every declared cloud`;
  if (moving.length > 0 && blocked.length === 0) {
    return { state: "progressing", reason: "Provisioning", message: `${count}${outlook(moving)}` };
  }
  if (blocked.length > 0) {
    return { state: "retrying", reason: "CloudBlocked", message: `${count}; ${explainBlocked(blocked)}` };
  }
  if (failing.length > 0) {
    return {
      state: "stalled",
      reason: "DevicesFailed",
      message: `${count}; ${failed} were refused (status.failures). Mend what the reasons say, then annotate the batch with certferry.dev/provision-requested-at to try them again`,
    };
  }
  const who = batch.spec.suspend === true ? "this batch" : "its cloud";
  const message = withRemedy("Suspended", `${count}; ${who} is suspended`);
  return { state: "stalled", reason: "Suspended", message };
}

/** When those that go on will be done, and what sets their pace; nothing where that is not known of each. */
function outlook(moving: readonly CloudProgress[]): string {
  const ends = moving.map(({ estimatedCompletion }) => estimatedCompletion);
  const known = ends.filter((end) => end !== undefined).sort();
  const last = known.length === ends.length ? known.at(-1) : undefined;
  const throttled = moving.filter(({ limitedBy }) => limitedBy === "CloudThrottling");
  const pace = throttled.map(({ name }) => name).join(", ");
  return `${last === undefined ? "" : `; the last is expected to be in by ${last}`}${pace === "" ? "" : `; ${pace} sets the pace, by refusing what is more`}`;
}

/** One blocked cloud in full; of several, which for what reason: each one's line in status.clouds says what to do. */
function explainBlocked(blocked: readonly CloudProgress[]): string {
  const [first] = blocked;
  if (first !== undefined && blocked.length === 1) return `${first.name}: ${first.message ?? "blocked"}`;
  const byReason = Map.groupBy(blocked, ({ message = "" }) => message.split(":", 1)[0] ?? "");
  const groups = [...byReason].map(
    ([reason, clouds]) => `${reason} (${clouds.map(({ name }) => name).join(", ")})`,
  );
  return `${blocked.length} clouds are blocked: ${groups.join(", ")}. The message of each in status.clouds says what to do, and when it is tried next`;
}

/** The list is keyed by name: a CloudApi that leads elsewhere by now has one line, that of where it leads. */
function withoutDoubles(lines: readonly CloudProgress[]): CloudProgress[] {
  return lines
    .filter(({ name }, at) => lines.findIndex((line) => line.name === name) === at)
    .slice(0, MAX_LINES);
}

function latest(lines: readonly CloudProgress[]): string | undefined {
  return lines
    .map((line) => line.provisionedAt)
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
}

/** What this process saw; for a cloud it has seen nothing of, what an earlier one wrote. */
function failuresOf({ batch, clouds, binding, request }: BoundView): DeviceFailure[] {
  const failures = clouds.flatMap((cloud): readonly DeviceFailure[] => {
    if (countCloud(binding, cloud.ledgers, request).failed === 0) return [];
    const seen = cloud.progress?.failures ?? [];
    if (seen.length === 0)
      return batch.status?.failures?.filter((failure) => failure.cloud === cloud.name) ?? [];
    return seen.map(({ device, reason, message }) => ({
      device,
      cloud: cloud.name,
      reason,
      message: shorten(withRemedy(reason, message), FAILURE_MESSAGE),
    }));
  });
  return failures.slice(0, FAILURES_SHOWN);
}
