import { follow } from "../../desk/follow.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";
import type { KubeObject, ObjectKey } from "../../operator/runtime/objects.ts";
import type { Io } from "../io.ts";

/**
 * Watches one object until a look at it gives something.
 * @param look is given undefined where the object is not there
 * @throws as `follow` does
 */
export async function followOne<T extends KubeObject, R>(
  { clock, random }: Io,
  resource: ResourceClient<T>,
  { namespace, name }: ObjectKey,
  look: (seen: T | undefined) => R | undefined,
  signal: AbortSignal,
): Promise<R> {
  const which = { ...(namespace === undefined ? {} : { namespace }), fieldSelector: `metadata.name=${name}` };
  return await follow({
    resource,
    which,
    clock,
    random,
    signal,
    look: (objects) => look([...objects.values()][0]),
  });
}
