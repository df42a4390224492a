import type { CloudApi, DeviceBatch, ProvisioningLedger } from "../../crds/index.ts";
import { WAITED_FOR_REEL } from "../../crds/index.ts";
import { findCondition } from "../runtime/conditions.ts";
import { sameJson } from "../runtime/json.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { keyOf } from "../runtime/objects.ts";
import type { Cache } from "../runtime/cache.ts";
import type { Change } from "../runtime/informer.ts";
import {
  claimsDefault,
  type Cluster,
  isAccount,
  keyRotationOf,
  namespaced,
  REEL_CONTENT,
  reelNameOf,
} from "./cluster.ts";
import type { ReelInspector } from "./reel/inspector.ts";

/** Puts a key into a controller's queue, at once or later. */
export type Enqueue = (key: string, afterMs?: number) => void;

export interface Queues {
  readonly reel: Enqueue;
  readonly cloudApi: Enqueue;
  readonly batch: Enqueue;
  readonly binding: Enqueue;
  readonly account: Enqueue;
}

/** A CloudApi's count of devices follows its ledgers, but not each of their writes; whether it is held, at once. */
const COUNT_DELAY_MS = 5_000;

/** The API server, which judges by the same ConfigMap, hears of it no sooner than this process. */
const RULES_DELAY_MS = 1_000;

/** Which change makes whom look again. Changes say only that; what to do follows from the caches. */
export function wire(cluster: Cluster, queues: Queues, inspector: Pick<ReelInspector, "forget">): void {
  const { reels, cloudApis, batches, bindings, ledgers, namespaces, configMaps } = cluster;

  on(reels.cache, (reel) => {
    queues.reel(keyOf(reel));
    batchesOfReel(cluster, queues, reel.metadata.name);
  });
  on(configMaps.cache, (configMap, previous, type) => {
    // A cache tells everything again now and then; a manifest is not read anew for that.
    const { resourceVersion } = configMap.metadata;
    if (type === "updated" && previous?.metadata.resourceVersion === resourceVersion) return;
    if (configMap.metadata.name === REEL_CONTENT) batchesNotAllowed(cluster, queues);
    for (const reel of reels.cache.byIndex("configMap", configMap.metadata.name)) {
      inspector.forget(reel.metadata.name);
      queues.reel(reel.metadata.name);
      batchesOfReel(cluster, queues, reel.metadata.name);
    }
  });
  on(cloudApis.cache, (api, previous, type) => {
    const { namespace } = api.metadata;
    queues.cloudApi(keyOf(api));
    if (type === "added") queues.account(namespace);
    if (type !== "updated" || previous === undefined || concernsBatches(previous, api))
      batchesOfAccount(cluster, queues, namespace);
    const claims = type !== "deleted" && claimsDefault(api);
    if ((previous !== undefined && claimsDefault(previous)) === claims) return;
    for (const other of cloudApis.cache.byIndex("namespace", namespace)) queues.cloudApi(keyOf(other));
  });
  on(batches.cache, (batch, previous, type) => {
    const { namespace } = batch.metadata;
    const reel = reelNameOf(batch.spec.batchId);
    queues.batch(keyOf(batch));
    if (type === "added") queues.account(namespace);
    queues.binding(reel);
    if (previous === undefined || type === "deleted" || isRival(previous) !== isRival(batch))
      queues.reel(reel);
    if (type === "deleted" || batch.metadata.deletionTimestamp !== undefined)
      batchesOfReel(cluster, queues, reel);
    for (const { name } of batch.spec.cloudApis ?? [])
      queues.cloudApi(namespaced(namespace, name), COUNT_DELAY_MS);
    if (previous?.spec.deletionPolicy !== batch.spec.deletionPolicy) cloudApisOfReel(cluster, queues, reel);
  });
  on(bindings.cache, (binding, previous) => {
    const { name } = binding.metadata;
    if (previous?.spec.batch !== binding.spec.batch) cloudApisOfReel(cluster, queues, name);
    queues.binding(name);
    queues.reel(name);
    batchesOfReel(cluster, queues, name);
  });
  on(ledgers.cache, (ledger, previous, type) => {
    batchesOfReel(cluster, queues, ledger.spec.reel);
    if (type === "deleted") queues.binding(ledger.spec.reel);
    const filledOrEmptied =
      type === "deleted" || isEmpty(ledger) !== (previous === undefined || isEmpty(previous));
    queues.cloudApi(cloudApiOf(ledger), filledOrEmptied ? 0 : COUNT_DELAY_MS);
  });
  on(namespaces.cache, (namespace, previous, type) => {
    const { name, deletionTimestamp } = namespace.metadata;
    const before = previous && [isAccount(previous), keyRotationOf(previous)];
    if (type !== "updated" || !sameJson(before, [isAccount(namespace), keyRotationOf(namespace)]))
      queues.account(name);
    // A batch that waits for its devices to be taken out waits no more when its whole account goes.
    if (deletionTimestamp !== undefined) batchesOfAccount(cluster, queues, name);
  });
}

/** Enqueues every batch that names a reel. */
export function batchesOfReel(cluster: Cluster, queues: Pick<Queues, "batch">, reel: string): void {
  for (const batch of cluster.batches.cache.byIndex("reel", reel)) queues.batch(keyOf(batch));
}

/** Enqueues every batch whose binding was refused by a rule of the cluster. */
function batchesNotAllowed(cluster: Cluster, queues: Pick<Queues, "batch">): void {
  for (const batch of cluster.batches.cache.list()) {
    const bound = findCondition(batch.status?.conditions, "Bound");
    if (bound?.reason === "NotAllowed") queues.batch(keyOf(batch), RULES_DELAY_MS);
  }
}

/** Enqueues every batch of an account. */
export function batchesOfAccount(cluster: Cluster, queues: Pick<Queues, "batch">, account: string): void {
  for (const batch of cluster.batches.cache.byIndex("namespace", account)) queues.batch(keyOf(batch));
}

/** Enqueues every CloudApi through which devices of a reel went. */
function cloudApisOfReel(cluster: Cluster, queues: Pick<Queues, "cloudApi">, reel: string): void {
  for (const ledger of cluster.ledgers.cache.byIndex("reel", reel)) queues.cloudApi(cloudApiOf(ledger));
}

/** Whether a change of a CloudApi is more than a count of devices: what batches say and do follows from it. */
function concernsBatches(previous: CloudApi, now: CloudApi): boolean {
  const ready = ({ status }: CloudApi) => findCondition(status?.conditions, "Ready");
  return (
    previous.metadata.generation !== now.metadata.generation ||
    previous.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
    !sameJson(ready(previous), ready(now))
  );
}

/** Whether a batch is one of those that a reel may be contested between. */
function isRival({ metadata }: DeviceBatch): boolean {
  return metadata.deletionTimestamp === undefined && metadata.annotations?.[WAITED_FOR_REEL] === "true";
}

function cloudApiOf({ spec }: ProvisioningLedger): string {
  return namespaced(spec.account, spec.target.cloudApi);
}

function isEmpty({ spec }: ProvisioningLedger): boolean {
  return spec.counts.provisioned + (spec.counts.leaving ?? 0) === 0;
}

function on<T extends KubeObject>(
  cache: Cache<T>,
  handle: (object: T, previous: T | undefined, type: Change<T>["type"]) => void,
): void {
  cache.onChange(({ object, previous, type }) => handle(object, previous, type));
}
