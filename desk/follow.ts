import { type ApiError, isGone, isTransient } from "../operator/runtime/api-error.ts";
import { Backoff } from "../operator/runtime/backoff.ts";
import type { ListOptions, ResourceClient } from "../operator/runtime/client.ts";
import type { Clock } from "../operator/runtime/clock.ts";
import { keyOf, type KubeObject } from "../operator/runtime/objects.ts";

const WATCH_SECONDS = 280;
/** Bookmarks come about once a minute; a connection that is silent for longer is dead. */
const STALL_MS = 100_000;

export interface FollowOptions<T extends KubeObject, R> {
  readonly resource: ResourceClient<T>;
  readonly which: ListOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Called with all objects, by key, whenever one has changed; what it gives ends the following. */
  readonly look: (objects: ReadonlyMap<string, T>) => R | undefined;
  /** Told when the connection is lost, and with undefined when it is there again. */
  readonly trouble?: (error: ApiError | undefined) => void;
}

/**
 * Watches objects until a look at them gives something: lists them, then hears of each change. A connection that is
 * lost later on is taken up again for as long as the signal allows; one that never came about is an error.
 * @throws ApiError; the signal's reason when it aborts
 */
export async function follow<T extends KubeObject, R>(options: FollowOptions<T, R>): Promise<R> {
  const { signal, clock, trouble = () => {} } = options;
  const backoff = new Backoff({ baseMs: 250, maxMs: 5_000, random: options.random });
  let connected = false;
  let failures = 0;
  for (;;) {
    try {
      return await once(options, () => {
        if (failures > 0) trouble(undefined);
        connected = true;
        failures = 0;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (isGone(error)) continue;
      if (!connected || !isTransient(error) || error.reason === "Credentials") throw error;
      failures += 1;
      if (failures === 1) trouble(error);
      await clock.sleep(backoff.delay(failures), signal);
    }
  }
}

async function once<T extends KubeObject, R>(
  { resource, which, signal, look }: FollowOptions<T, R>,
  listed: () => void,
): Promise<R> {
  const objects = new Map<string, T>();
  const { items, resourceVersion } = await resource.list(which, signal);
  for (const item of items) objects.set(keyOf(item), item);
  listed();
  const seen = look(objects);
  if (seen !== undefined) return seen;
  let version = resourceVersion;
  for (;;) {
    const watched = { ...which, timeoutSeconds: WATCH_SECONDS, stallTimeoutMs: STALL_MS };
    const events = await resource.watch({ ...watched, resourceVersion: version }, signal);
    for await (const event of events) {
      if (event.type === "BOOKMARK") {
        version = event.resourceVersion;
        continue;
      }
      version = event.object.metadata.resourceVersion ?? version;
      if (event.type === "DELETED") objects.delete(keyOf(event.object));
      else objects.set(keyOf(event.object), event.object);
      const found = look(objects);
      if (found !== undefined) return found;
    }
  }
}
