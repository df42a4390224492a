import { FINALIZER } from "../../crds/index.ts";
import type { ResourceClient } from "../runtime/client.ts";
import type { KubeObject } from "../runtime/objects.ts";

export function hasFinalizer(object: KubeObject): boolean {
  return object.metadata.finalizers?.includes(FINALIZER) === true;
}

/**
 * Puts Certferry's finalizer on an object, or takes it off. Nothing is written when it is so already.
 * @returns the object as it is now.
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
  return client.patch(
    { name, ...(namespace === undefined ? {} : { namespace }) },
    patch,
    { type: "merge" },
    signal,
  );
}
