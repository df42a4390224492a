import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";

/** An Event as people read it in `kubectl describe`. */
export interface ToldEvent extends KubeObject {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly note: string;
  readonly regarding: { kind: string; name: string; namespace?: string };
}

export const EVENT = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  namespaced: true,
} as const;

/** All Events of a namespace, those about cluster-scoped objects are in `default`. */
export async function eventsIn(
  client: KubeClient,
  namespace: string,
  signal?: AbortSignal,
): Promise<ToldEvent[]> {
  const { items } = await client.resource<ToldEvent>(EVENT).list({ namespace }, signal);
  return items;
}

/** What was told of one object: `Warning AlreadyBound: reel …`, in the order of the telling. */
export async function eventsAbout(
  client: KubeClient,
  object: { kind: string; name: string; namespace?: string },
  signal?: AbortSignal,
): Promise<string[]> {
  const events = await eventsIn(client, object.namespace ?? "default", signal);
  return events
    .filter(({ regarding }) => regarding.kind === object.kind && regarding.name === object.name)
    .sort((a, b) =>
      (a.metadata.resourceVersion ?? "").localeCompare(b.metadata.resourceVersion ?? "", "en", {
        numeric: true,
      }),
    )
    .map(({ type, reason, note }) => `${type} ${reason}: ${note}`);
}
