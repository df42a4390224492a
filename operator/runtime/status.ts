import type { ResourceClient } from "./client.ts";
import { sameJson } from "./json.ts";
import type { KubeObject } from "./objects.ts";

/**
 * Writes an object's status by one PUT, with the object's resourceVersion as the precondition; nothing is sent
 * when the status is the same already. Returns the object as the server has it now (write it through with the
 * informer's observe). The object that is passed is not changed.
 * @throws ApiError: isConflict when the object has changed since it was read
 */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  client: ResourceClient<T>,
  object: T,
  status: NonNullable<T["status"]>,
  signal?: AbortSignal,
): Promise<T> {
  if (sameJson(object.status, status)) return object;
  return client.updateStatus({ ...object, status }, signal);
}
