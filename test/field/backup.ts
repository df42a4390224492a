import type { ObjectMeta, KubeObject } from "../../operator/runtime/objects.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";
import { type Field, OPERATOR_NAMESPACE } from "./field.ts";

/** Objects as a backup keeps them: what people and the operator wrote, and nothing that a cluster made of it. */
export interface Backup {
  readonly namespaces: readonly KubeObject[];
  readonly objects: readonly KubeObject[];
}

const SYSTEM = new Set(["default", "kube-system", "kube-public", "kube-node-lease"]);

/** All of Certferry in a cluster: its five kinds, and the Secrets and ConfigMaps of its namespaces. */
export async function backUp(field: Field): Promise<Backup> {
  const kept = ({ kind, metadata }: KubeObject): boolean =>
    !SYSTEM.has((kind === "Namespace" ? metadata.name : metadata.namespace) ?? "");
  const all = async <T extends KubeObject>(client: ResourceClient<T>): Promise<KubeObject[]> =>
    (await client.list()).items.filter(kept).map(stripped);
  const objects = await Promise.all([
    all(field.batches),
    all(field.cloudApis),
    all(field.ledgers),
    all(field.configMaps),
    all(field.secrets),
    all(field.reels),
    all(field.bindings),
  ]);
  // The API server gives each namespace its own trust bundle.
  const own = objects.flat().filter(({ metadata }) => metadata.name !== "kube-root-ca.crt");
  return { namespaces: await all(field.namespaces), objects: own };
}

/** Makes what a backup holds in another cluster, in the order in which it is listed: batches before their reels. */
export async function restore(backup: Backup, field: Field): Promise<void> {
  const clients: Record<string, ResourceClient<KubeObject>> = {
    DeviceBatch: field.batches,
    CloudApi: field.cloudApis,
    ProvisioningLedger: field.ledgers,
    ConfigMap: field.configMaps,
    Secret: field.secrets,
    Reel: field.reels,
    ReelBinding: field.bindings,
  };
  for (const namespace of backup.namespaces) {
    if (namespace.metadata.name !== OPERATOR_NAMESPACE) await field.namespaces.create(namespace);
  }
  for (const object of backup.objects) {
    const client = clients[object.kind];
    if (client === undefined) throw new Error(`there is no ${object.kind} in a backup`);
    await client.create(object);
  }
}

function stripped(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
  const { name, namespace, labels, annotations, finalizers } = object.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
  };
  return { ...rest, metadata };
}
