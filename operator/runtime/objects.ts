/** Whose part an object is (metav1.OwnerReference). */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** The members of metav1.ObjectMeta that an operator reads or writes. Times are RFC 3339 strings. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** What the client must know of a kind to talk about it. */
export interface ResourceKind {
  /** The API group; empty for the core group. */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** Names one object of a kind. */
export interface ObjectKey {
  namespace?: string;
  name: string;
}

/** `namespace/name`, or `name` for an object without a namespace: what queues and caches go by. */
export function keyOf(object: { metadata: { name: string; namespace?: string } }): string {
  const { name, namespace } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The inverse of {@link keyOf}. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `group/version`, or `version` for the core group. */
export function apiVersionOf(kind: ResourceKind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/**
 * The path of a collection or of one object, from the server's root.
 * @param at what is named; without a name it is the collection, without a namespace that of all namespaces
 */
export function apiPath(kind: ResourceKind, at: Partial<ObjectKey> = {}, subresource?: string): string {
  const parts = [kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`];
  if (kind.namespaced && at.namespace !== undefined) {
    parts.push("namespaces", encodeURIComponent(at.namespace));
  }
  parts.push(kind.plural);
  if (at.name !== undefined) {
    parts.push(encodeURIComponent(at.name));
    if (subresource !== undefined) parts.push(subresource);
  }
  return parts.join("/");
}

/** A reference to an object as its owner. The object must come from the server (it needs a uid). */
export function ownerReferenceTo(
  owner: KubeObject,
  options: { controller?: boolean; blockOwnerDeletion?: boolean } = {},
): OwnerReference {
  const { name, uid } = owner.metadata;
  if (uid === undefined)
    throw new Error(`${owner.kind} ${keyOf(owner)} has no uid yet: it cannot be an owner`);
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, ...options };
}

const DECIMAL = /^[1-9][0-9]*$/;

/**
 * Orders two resource versions of one kind: negative when `a` is older, 0 when they are the same, positive when
 * newer; undefined when they cannot be compared. Kubernetes promises decimal numbers for its own kinds and for
 * custom resources (KEP-5504); they may exceed what a JavaScript number holds.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined || !DECIMAL.test(a) || !DECIMAL.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
