import type { CloudApi, DeviceBatch, ProvisioningLedger, Reel, ReelBinding } from "../../../crds/index.ts";
import { PROVISION_REQUESTED_AT } from "../../../crds/index.ts";
import type { Ferry } from "../../provisioning/ferry.ts";
import {
  type Direction,
  placementKey,
  type PlacementProgress,
  type PlacementSpec,
} from "../../provisioning/placement-spec.ts";
import { type TargetIdentity, targetOf } from "../../provisioning/target.ts";
import { type Cluster, namespaced, reelNameOf } from "../cluster.ts";
import type { CloudLink, CloudLinks } from "../cloudapi/links.ts";
import { withWhereabouts } from "../cloudapi/whereabouts.ts";
import { knownCloudApiReason } from "../reasons.ts";
import { explainForeign, ledgersIn, ledgersThrough } from "./cloud-ledgers.ts";
import { type CloudView, countCloud, type Obstacle } from "./cloud-progress.ts";
import { shorten } from "./shorten.ts";

export interface PlacementsDeps {
  readonly cluster: Cluster;
  readonly links: CloudLinks;
  readonly ferry: Ferry;
}

/** As many as a ledger keeps of a request, see its schema. */
const REQUEST_CHARACTERS = 256;

/** The wanted "provision now" request: the annotation's value. */
export function requestOf(batch: DeviceBatch): string | undefined {
  const value = batch.metadata.annotations?.[PROVISION_REQUESTED_AT];
  return value === undefined || value === "" ? undefined : shorten(value, REQUEST_CHARACTERS);
}

/**
 * Declares to the ferry what a bound batch wants, and tells how each declared cloud stands.
 */
export function arrangePlacements(
  batch: DeviceBatch,
  binding: ReelBinding,
  names: readonly string[],
  deps: PlacementsDeps,
): CloudView[] {
  const reelName = reelNameOf(batch.spec.batchId);
  const reel = deps.cluster.reels.cache.get(reelName);
  const kept = new Set<string>();
  const views = names.map((name) => {
    const api = deps.cluster.cloudApis.cache.get(namespaced(batch.metadata.namespace, name));
    const target = api && targetOf(api.spec);
    const key = target && placementKey({ reel: reelName, target });
    const { own: ledgers, foreign } =
      target === undefined
        ? ledgersThrough(name, binding, deps.cluster)
        : ledgersIn(target, binding, deps.cluster);
    const link = linkTo(api, target, deps.links);
    const obstacle =
      obstacleOf(batch, name, api, link, reel, deps.links) ?? leftovers(foreign, binding, target);
    const progress = key === undefined ? undefined : deps.ferry.progress(key);
    const view: CloudView = { name, key, link, obstacle, ledgers, progress: inward(progress, api) };
    if (key === undefined || obstacle !== undefined || kept.has(key)) return view;
    kept.add(key);
    if (reel !== undefined && link !== undefined && isWanted(view, batch, binding)) {
      deps.ferry.declare(specOf(batch, binding, reel, name, link));
    }
    return view;
  });
  return views;
}

/** What is told of devices that leave is not told of those that come. */
function inward(
  progress: PlacementProgress | undefined,
  api: CloudApi | undefined,
): PlacementProgress | undefined {
  return progress?.direction === "in" ? located(progress, api) : undefined;
}

/** What a placement tells, with the fields that a fault of its cloud has to do with. */
export function located(progress: PlacementProgress, api: CloudApi | undefined): PlacementProgress {
  const { hindrance } = progress;
  if (hindrance === undefined) return progress;
  const message = withWhereabouts(hindrance.reason, hindrance.message, api);
  return { ...progress, hindrance: { ...hindrance, message } };
}

/** The link of a CloudApi as it is declared now: one to another cloud is none. */
export function linkTo(
  api: CloudApi | undefined,
  target: TargetIdentity | undefined,
  links: CloudLinks,
): CloudLink | undefined {
  const link = api && links.get(api);
  return link?.target.hash === target?.hash ? link : undefined;
}

function leftovers(
  foreign: readonly ProvisioningLedger[],
  binding: ReelBinding,
  target: TargetIdentity | undefined,
): Obstacle | undefined {
  const message = target && explainForeign(foreign, binding, target);
  return message === undefined ? undefined : { state: "Blocked", reason: "LedgerUnreadable", message };
}

function isWanted({ name, ledgers, progress }: CloudView, batch: DeviceBatch, binding: ReelBinding): boolean {
  const counts = countCloud(binding, ledgers, requestOf(batch));
  if (!counts.complete) return true;
  // Which devices failed is told by a pass through the manifest; once told, it stands in the status.
  const told =
    progress !== undefined || batch.status?.failures?.some((failure) => failure.cloud === name) === true;
  return counts.failed > 0 && !told;
}

/** A placement into a cloud, as a bound batch wants it. */
export function specOf(
  batch: DeviceBatch,
  binding: ReelBinding,
  reel: Reel,
  cloudApi: string,
  link: CloudLink,
): PlacementSpec {
  const { account, manifestSha256, records, certificateSlot, evaluatedAt } = binding.spec;
  return {
    direction: "in",
    ledger: {
      reel: reel.metadata.name,
      account,
      target: link.target,
      cloudApi,
      manifestSha256,
      records,
      certificateSlot,
    },
    contents: {
      batchId: reel.spec.batchId,
      source: reel.spec.manifest,
      evaluatedAt: new Date(evaluatedAt),
      certificateSlot,
      sha256: manifestSha256,
    },
    interop: link.interop,
    limits: link.limits,
    namesBySerial: link.namesBySerial,
    policyExpected: link.policyExpected,
    request: requestOf(batch),
  };
}

/** Why a cloud cannot be called now. A CloudApi that is being deleted still serves those who leave its cloud. */
export function obstacleOf(
  batch: DeviceBatch,
  name: string,
  api: CloudApi | undefined,
  link: CloudLink | undefined,
  reel: Reel | undefined,
  links: CloudLinks,
  direction: Direction = "in",
): Obstacle | undefined {
  const going = api?.metadata.deletionTimestamp !== undefined;
  if (api === undefined || (going && direction === "in")) {
    const message = noCloudApi(name, api !== undefined, batch);
    return { state: "Blocked", reason: "CloudApiNotFound", message };
  }
  if (batch.spec.suspend === true) {
    return { state: "Suspended", reason: "Suspended", message: "spec.suspend of this batch is true" };
  }
  if (api.spec.suspend === true) {
    return { state: "Suspended", reason: "Suspended", message: `spec.suspend of CloudApi ${name} is true` };
  }
  if (reel === undefined) {
    const message = `Reel ${reelNameOf(batch.spec.batchId)} is gone, so its certificates cannot be read`;
    return { state: "Blocked", reason: "ReelNotFound", message };
  }
  return link === undefined ? notConnected(name, api, links) : undefined;
}

function noCloudApi(name: string, going: boolean, batch: DeviceBatch): string {
  if (going) {
    return `CloudApi ${name} is being deleted, so nothing is sent through it`;
  }
  const declared = batch.spec.cloudApis?.some((each) => each.name === name) === true;
  return declared
    ? `there is no CloudApi ${name} in this namespace`
    : `CloudApi ${name}, the account's default when the reel was bound, is gone`;
}

function notConnected(name: string, api: CloudApi, links: CloudLinks): Obstacle {
  const nextTryAt = links.nextTry(api);
  const fault = links.fault(api);
  if (fault !== undefined) {
    const { reason, message } = fault;
    return { state: "Blocked", reason, message: `CloudApi ${name}: ${message}`, nextTryAt };
  }
  const ready = api.status?.conditions?.find(({ type }) => type === "Ready");
  // What was said of an earlier spec (that it is suspended, say) is no news of this one.
  const stale = ready?.observedGeneration !== api.metadata.generation;
  // One that is being deleted says why that waits: for the batch that asks here.
  const going = api.metadata.deletionTimestamp !== undefined;
  const reason = knownCloudApiReason(ready?.reason ?? "");
  if (ready === undefined || reason === undefined || ready.status === "True" || stale || going) {
    return { state: "Pending", reason: "NotProbedYet", message: `CloudApi ${name} is being probed` };
  }
  return { state: "Blocked", reason, message: `CloudApi ${name}: ${ready.message}`, nextTryAt };
}
