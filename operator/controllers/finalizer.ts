import { FINALIZER } from "../../crds/index.ts";
import { isNotFound } from "../runtime/api-error.ts";
import type { ResourceClient } from "../runtime/client.ts";
import type { KubeObject } from "../runtime/objects.ts";

export function hasFinalizer(object: KubeObject): boolean {
  return object.metadata.finalizers?.includes(FINALIZER) === true;
}

/**
 * Puts Certferry's finalizer on an object, or takes it off. Nothing is written when it is so already.
 * To take it off what is gone already is no fault: a cache may be a moment late.
 * @returns the object as it is now, or as it was last.
 * @throws ApiError, a conflict when the object has changed since it was read.
 */
export async function setFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  wanted: boolean,
  signal: AbortSignal,
): Promise<T> {
  if (hasFinalizer(object) === wanted) return object;
  const others = (object.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
  const { name, namespace, resourceVersion } = object.metadata;
  // The resource version is the precondition: a list is replaced as a whole by a merge patch.
  const patch = { metadata: { finalizers: wanted ? [...others, FINALIZER] : others, resourceVersion } };
  const key = { name, ...(namespace === undefined ? {} : { namespace }) };
  try {
    return await client.patch(key, patch, { type: "merge" }, signal);
  } catch (error) {
    if (!wanted && isNotFound(error)) return object;
    throw error;
  }
}
