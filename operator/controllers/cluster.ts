import {
  ACCOUNT_LABEL,
  type CloudApi,
  type DeviceBatch,
  KEY_ROTATION_REQUESTED_AT,
  kinds,
  LEDGER_TARGET_LABEL,
  type ProvisioningLedger,
  type Reel,
  type ReelBinding,
} from "../../crds/index.ts";
import { CONFIG_MAP, type ConfigMap, NAMESPACE, type Namespace } from "../accounts/core-kinds.ts";
import type { KubeClient, ResourceClient } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Cache, JoinedCache } from "../runtime/cache.ts";
import { compacting } from "../runtime/compact.ts";
import { Informer, type InformerOptions } from "../runtime/informer.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ManagedInformer } from "../runtime/manager.ts";
import { type KubeObject, parseKey, type ResourceKind } from "../runtime/objects.ts";

/** One kind: the API server's and what is cached of it. */
export interface Watched<T extends KubeObject> {
  readonly client: ResourceClient<T>;
  readonly cache: Cache<T>;
}

/** Everything that the controllers watch. */
export interface Cluster {
  /** Whether a namespace is one of those that this operator serves: all, unless it was told some. */
  readonly serves: (account: string) => boolean;
  readonly reels: Watched<Reel>;
  readonly cloudApis: Watched<CloudApi>;
  readonly batches: Watched<DeviceBatch>;
  readonly bindings: Watched<ReelBinding>;
  readonly ledgers: Watched<ProvisioningLedger>;
  readonly namespaces: Watched<Namespace>;
  /** Those of the operator's namespace, without their contents. */
  readonly configMaps: Watched<ConfigMap>;
}

/** The name of the Reel and ReelBinding of a batch ID: batch IDs are compared without regard to case. */
export function reelNameOf(batchId: string): string {
  return batchId.toLowerCase();
}

/** Whether a batch is for a reel: one of the same name may have been made anew for another. */
export function isForReel(batch: DeviceBatch | undefined, reel: string): boolean {
  return batch !== undefined && reelNameOf(batch.spec.batchId) === reel;
}

/** The ConfigMap of the operator's namespace that says what may be bound. */
export const REEL_CONTENT = "certferry-reel-content";

/** A version of what {@link REEL_CONTENT} says; empty while there is none. */
export function contentRules({ configMaps }: Pick<Cluster, "configMaps">): string {
  return configMaps.cache.byIndex("name", REEL_CONTENT)[0]?.metadata.resourceVersion ?? "";
}

/** Index values are namespaced names; this is how they are written. */
export function namespaced(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Whether a CloudApi says that it is its account's default; one that is going says nothing any more. */
export function claimsDefault({ metadata, spec }: CloudApi): boolean {
  return spec.default === true && metadata.deletionTimestamp === undefined;
}

/** Whether a namespace is labelled as an account, which it may be before it has any of Certferry's objects. */
export function isAccount(namespace: Namespace): boolean {
  return namespace.metadata.labels?.[ACCOUNT_LABEL] === "true";
}

/** What an account's namespace asks for in the way of a new signing key; undefined when it does not. */
export function keyRotationOf(namespace: Namespace): string | undefined {
  return namespace.metadata.annotations?.[KEY_ROTATION_REQUESTED_AT] || undefined;
}

export interface WatchScope {
  readonly operatorNamespace: string;
  /** The accounts that are served; none: all there are. */
  readonly namespaces?: readonly string[];
}

/** The caches of a cluster: what is to be started. */
export function cachesOf({
  serves: _serves,
  ...kinds
}: Cluster): Pick<Cache<KubeObject>, keyof ManagedInformer>[] {
  return Object.values(kinds).map(({ cache }) => cache);
}

/** What a cache keeps of an object: what its kind's own transform leaves of it, compacted. */
function compacted<T extends KubeObject>({
  transform,
}: Pick<InformerOptions<T>, "transform">): (object: T) => T {
  const compact = compacting();
  return transform === undefined ? compact : (object) => compact(transform(object));
}

/** Sets up (but does not start) the caches of everything that is watched. */
export function watchCluster(
  client: Pick<KubeClient, "resource">,
  { operatorNamespace, namespaces = [] }: WatchScope,
  clock: Clock,
  log: Logger,
): Cluster {
  type Options<T extends KubeObject> = Pick<InformerOptions<T>, "namespace" | "indexes" | "transform">;
  function watched<T extends KubeObject>(kind: ResourceKind, options: Options<T>): Watched<T> {
    const resource = client.resource<T>(kind);
    return {
      client: resource,
      cache: new Informer<T>({ client: resource, clock, log, ...options, transform: compacted(options) }),
    };
  }
  /** Of a kind that is in accounts, or is accounts: of those alone that are served. */
  function watchedInAccounts<T extends KubeObject>(kind: ResourceKind, options: Options<T>): Watched<T> {
    if (namespaces.length === 0) return watched(kind, options);
    const resource = client.resource<T>(kind);
    const parts = namespaces.map((namespace): [string, Informer<T>] => {
      const part = kind.namespaced ? { namespace } : { fieldSelector: `metadata.name=${namespace}` };
      const name = `${kind.plural}-${namespace}`;
      const own = { clock, log, name, ...options, transform: compacted(options) };
      return [namespace, new Informer<T>({ client: resource, ...own, ...part })];
    });
    const partOf = (key: string): string => (kind.namespaced ? (parseKey(key).namespace ?? "") : key);
    return { client: resource, cache: new JoinedCache(kind.plural, new Map(parts), partOf) };
  }
  return {
    serves: (account) => namespaces.length === 0 || namespaces.includes(account),
    reels: watched<Reel>(kinds.Reel, {
      indexes: {
        configMap: (reel) =>
          reel.spec.manifest.configMap === undefined ? [] : [reel.spec.manifest.configMap.name],
      },
    }),
    cloudApis: watchedInAccounts<CloudApi>(kinds.CloudApi, {
      indexes: { namespace: (api) => [api.metadata.namespace] },
    }),
    batches: watchedInAccounts<DeviceBatch>(kinds.DeviceBatch, {
      indexes: {
        reel: (batch) => [reelNameOf(batch.spec.batchId)],
        namespace: (batch) => [batch.metadata.namespace],
      },
    }),
    bindings: watched<ReelBinding>(kinds.ReelBinding, {}),
    ledgers: watched<ProvisioningLedger>(kinds.ProvisioningLedger, {
      indexes: {
        reel: (ledger) => [ledger.spec.reel],
        placement: (ledger) => [`${ledger.spec.reel}/${ledger.metadata.labels?.[LEDGER_TARGET_LABEL] ?? ""}`],
        account: (ledger) => [ledger.spec.account],
      },
    }),
    namespaces: watchedInAccounts<Namespace>(NAMESPACE, {}),
    configMaps: watched<ConfigMap>(CONFIG_MAP, {
      namespace: operatorNamespace,
      // Manifests may be a megabyte each; here it matters only that they changed.
      transform: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
      indexes: { name: ({ metadata }) => [metadata.name] },
    }),
  };
}
