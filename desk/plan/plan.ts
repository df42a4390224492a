import type { CloudApi, CloudProgress, DeviceBatch, DeviceBatchInput, Reel } from "../../crds/index.ts";
import { findCondition, isConditionTrue } from "../../operator/runtime/conditions.ts";
import { targetOf } from "../../operator/provisioning/target.ts";
import { reelNameFor } from "../batch-id.ts";
import { progressOf } from "../progress.ts";

/** What a plan is made from: what is there, with what is to be applied put over it. */
export interface PlanView {
  readonly reels: readonly Reel[];
  /** Of all accounts that the plan speaks of. */
  readonly cloudApis: readonly CloudApi[];
  /** Those that are there now, of these accounts. */
  readonly batches: readonly DeviceBatch[];
  /** Devices a second that a person expects of a cloud, by the CloudApi's name. */
  readonly rates: ReadonlyMap<string, number>;
}

/** What would become of one batch. */
export interface BatchPlan {
  readonly namespace: string;
  readonly name: string;
  readonly batchId: string;
  /** `bind`: the reel is taken. `bound`: it is already. `wait`: until what `message` says. `refuse`: a person has to act. */
  readonly step: "bind" | "bound" | "wait" | "refuse";
  readonly reason?: string;
  readonly message?: string;
  /** Undefined until the manifest was read. */
  readonly devices: number | undefined;
  readonly clouds: readonly CloudPlan[];
}

/** What would be sent to one cloud for one batch. */
export interface CloudPlan {
  readonly cloud: string;
  /** Devices that are still to be sent; undefined while their number is not known. */
  readonly toSend: number | undefined;
  /** Why nothing could be sent now. */
  readonly blocked?: string;
}

/** How long one product cloud would be busy, with all batches of the plan and those that are sending there already. */
export interface TargetPlan {
  readonly target: string;
  readonly clouds: readonly string[];
  readonly devices: number;
  /** Devices that batches outside the plan are sending there already: those of the plan take turns with them. */
  readonly others: number;
  /** Whether there are batches whose devices are not counted yet. */
  readonly open: boolean;
  readonly perSecond: number | undefined;
  /** Where the rate is from. */
  readonly basis: string;
  readonly seconds: number | undefined;
}

/** AWS's own quota of RegisterCertificateWithoutCA, unless it was raised: docs.aws.amazon.com/general/latest/gr/iot-core.html */
const AWS_DEFAULT_PER_SECOND = 10;

/** What would be bound and sent if these batches were applied. Pure: it changes nothing and asks nobody. */
export function planBatches(wanted: readonly DeviceBatchInput[], view: PlanView): BatchPlan[] {
  const taken = new Map<string, string>();
  return wanted.map((batch) => planBatch(batch, view, taken));
}

function planBatch(batch: DeviceBatchInput, view: PlanView, taken: Map<string, string>): BatchPlan {
  const { namespace, name } = batch.metadata;
  const { batchId } = batch.spec;
  const reelName = reelNameFor(batchId);
  const reel = view.reels.find(({ metadata }) => metadata.name === reelName);
  const there = view.batches.find(
    ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
  );
  const rival = taken.get(reelName);
  const devices = there?.status?.boundDevices ?? reel?.status?.devices;
  const verdict = bindingStep({ batch, reel, there, rival }, view);
  if (verdict.step !== "refuse") taken.set(reelName, `${namespace}/${name}`);
  const clouds = verdict.step === "refuse" ? [] : planClouds(batch, there, devices, view);
  return { namespace, name, batchId, ...verdict, devices, clouds };
}

type Verdict = Pick<BatchPlan, "step" | "reason" | "message">;

function bindingStep(
  o: {
    batch: DeviceBatchInput;
    reel: Reel | undefined;
    there: DeviceBatch | undefined;
    rival: string | undefined;
  },
  view: PlanView,
): Verdict {
  const { batch, reel, there, rival } = o;
  const { namespace } = batch.metadata;
  const { batchId } = batch.spec;
  const reelName = reelNameFor(batchId);
  if (there !== undefined && progressOf(there).bound) return { step: "bound" };
  if (rival !== undefined) {
    return {
      step: "refuse",
      reason: "AlreadyBound",
      message: `${rival} of this plan binds reel ${batchId} too`,
    };
  }
  if (reel === undefined) {
    return { step: "wait", reason: "ReelNotFound", message: `there is no Reel ${reelName} yet` };
  }
  const { reservedFor } = reel.spec;
  if (reservedFor !== undefined && reservedFor.namespace !== namespace) {
    return { step: "refuse", reason: "Reserved", message: "the reel is reserved for another account" };
  }
  if (reel.status?.phase === "Bound") {
    const holder = view.batches.find(
      (other) =>
        reelNameFor(other.spec.batchId) === reelName &&
        other.metadata.namespace === namespace &&
        progressOf(other).bound,
    );
    const message =
      holder === undefined
        ? "the reel is bound: by another account, or by an earlier batch of this one that is gone (then it is taken up)"
        : `batch ${holder.metadata.name} of this account has the reel`;
    return { step: "refuse", reason: "AlreadyBound", message };
  }
  const ready = findCondition(reel.status?.conditions, "Ready");
  if (ready?.status !== "True") {
    const stalled = isConditionTrue(reel.status?.conditions, "Stalled");
    return {
      step: stalled ? "refuse" : "wait",
      reason: ready?.reason ?? "ReadingManifest",
      message: ready?.message ?? "the manifest has not been read yet",
    };
  }
  return { step: "bind" };
}

function planClouds(
  batch: DeviceBatchInput,
  there: DeviceBatch | undefined,
  devices: number | undefined,
  view: PlanView,
): CloudPlan[] {
  const { namespace } = batch.metadata;
  const own = view.cloudApis.filter(({ metadata }) => metadata.namespace === namespace);
  const declared = (batch.spec.cloudApis ?? []).map(({ name }) => name);
  if (declared.length === 0 && batch.spec.provisioning === "Manual") return [];
  const before = there?.status?.clouds?.map(({ name }) => name) ?? [];
  const defaults = own.filter(({ spec }) => spec.default === true).map(({ metadata }) => metadata.name);
  const chosen = declared.length > 0 ? declared : before.length > 0 ? before : defaults;
  if (chosen.length === 0)
    return [
      { cloud: "-", toSend: devices, blocked: "NoDefaultCloudApi: the account has no default CloudApi" },
    ];
  if (declared.length === 0 && before.length === 0 && defaults.length > 1) {
    return [
      {
        cloud: defaults.join(", "),
        toSend: devices,
        blocked: "AmbiguousDefault: the account has several defaults",
      },
    ];
  }
  return chosen.map((cloud): CloudPlan => {
    const api = own.find(({ metadata }) => metadata.name === cloud);
    const done = there?.status?.clouds?.find(({ name }) => name === cloud)?.provisioned ?? 0;
    const toSend = devices === undefined ? undefined : Math.max(0, devices - done);
    const blocked = blockOf(api);
    return blocked === undefined ? { cloud, toSend } : { cloud, toSend, blocked };
  });
}

function blockOf(api: CloudApi | undefined): string | undefined {
  if (api === undefined) return "CloudApiNotFound: there is no such CloudApi in the account";
  if (api.spec.suspend === true) return "Suspended: spec.suspend of the CloudApi";
  const ready = findCondition(api.status?.conditions, "Ready");
  if (ready === undefined) return "NotProbedYet: the operator has not called it yet";
  return ready.status === "True" ? undefined : `${ready.reason}: ${ready.message}`;
}

/**
 * How long each product cloud would be busy: batches that go to one cloud share its quota, those of the plan and those
 * that are there already. Of those, what the person may see counts: the batches of the plan's accounts.
 */
export function planTargets(batches: readonly BatchPlan[], view: PlanView): TargetPlan[] {
  const sums = new Map<string, { apis: Map<string, CloudApi>; devices: number; open: boolean }>();
  for (const { namespace, clouds } of batches) {
    for (const { cloud, toSend } of clouds) {
      const api = view.cloudApis.find(
        ({ metadata }) => metadata.namespace === namespace && metadata.name === cloud,
      );
      const key = api && targetOf(api.spec)?.key;
      if (api === undefined || key === undefined) continue;
      const sum = sums.get(key) ?? { apis: new Map<string, CloudApi>(), devices: 0, open: false };
      sum.apis.set(`${namespace}/${cloud}`, api);
      sum.devices += toSend ?? 0;
      sum.open ||= toSend === undefined;
      sums.set(key, sum);
    }
  }
  const planned = new Set(batches.map(({ namespace, name }) => `${namespace}/${name}`));
  return [...sums].map(([target, { apis, devices, open }]) => {
    const present = sendingTo(target, view);
    const others = present
      .filter(({ batch }) => !planned.has(batch))
      .reduce((sum, { cloud: { pending = 0 } }) => sum + pending, 0);
    const { perSecond, basis } = rateOf([...apis.values()], present, view);
    // What sends nothing waits for nobody.
    const work = devices === 0 ? 0 : devices + others;
    const seconds = perSecond === undefined ? undefined : Math.ceil(work / perSecond);
    return { target, clouds: [...apis.keys()].sort(), devices, others, open, perSecond, basis, seconds };
  });
}

/** A batch at one of its clouds. */
interface Sending {
  /** `acme/d001`. */
  readonly batch: string;
  readonly cloud: CloudProgress;
}

/** What goes to a product cloud now, by whichever CloudApi. */
function sendingTo(target: string, { batches, cloudApis }: PlanView): Sending[] {
  const names = new Set(
    cloudApis
      .filter(({ spec }) => targetOf(spec)?.key === target)
      .map(({ metadata: { namespace, name } }) => `${namespace}/${name}`),
  );
  return batches.flatMap(({ metadata: { namespace, name }, status }) =>
    (status?.clouds ?? [])
      .filter(({ state }) => state === "Provisioning" || state === "Pending")
      .filter((cloud) => names.has(`${namespace}/${cloud.name}`))
      .map((cloud) => ({ batch: `${namespace}/${name}`, cloud })),
  );
}

/** What is known of a cloud's pace, the surest first; never more than its lowest ceiling. */
function rateOf(
  apis: readonly CloudApi[],
  present: readonly Sending[],
  view: PlanView,
): { perSecond: number | undefined; basis: string } {
  const known = paceOf(apis, present, view);
  const limits = apis.map(({ spec }) => spec.limits?.devicesPerSecond).filter((limit) => limit !== undefined);
  const limit = limits.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...limits);
  if (known !== undefined && known.perSecond <= limit) return known;
  if (Number.isFinite(limit)) return { perSecond: limit, basis: "spec.limits of the CloudApi" };
  return { perSecond: undefined, basis: "nothing is known of its quota: say it with --rate CLOUD=N" };
}

function paceOf(
  apis: readonly CloudApi[],
  present: readonly Sending[],
  view: PlanView,
): { perSecond: number; basis: string } | undefined {
  const told = apis.map(({ metadata }) => view.rates.get(metadata.name)).find((rate) => rate !== undefined);
  if (told !== undefined) return { perSecond: told, basis: "as --rate says" };
  // Each batch tells its own share of it.
  const pace = present.reduce((sum, { cloud: { devicesPerSecond = 0 } }) => sum + devicesPerSecond, 0);
  if (pace > 0) return { perSecond: pace, basis: "its present pace" };
  const isAws = apis.some(({ spec }) => spec.type === "AWS" || spec.other?.cloud === "AWS");
  if (!isAws) return undefined;
  return {
    perSecond: AWS_DEFAULT_PER_SECOND,
    basis: "AWS's default quota for certificates; it can be raised",
  };
}
