import type { DeviceBatch } from "../../crds/index.ts";
import { ApiError } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";
import type { Timeline, TimelineEntry } from "./wire.ts";

const MAX_ENTRIES = 100;

interface Event extends KubeObject {
  reason?: string;
  message?: string;
  type?: string;
  count?: number;
  eventTime?: string | null;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  series?: { count?: number; lastObservedTime?: string };
}

/** Events of both APIs are the same objects; this one is in the role `view` of every cluster. */
const EVENT: ResourceKind = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true };

/** What has happened to a batch, the latest first: Events (which a cluster forgets after an hour), and its own dates. */
export async function timelineOf(
  client: KubeClient,
  batch: DeviceBatch,
  signal: AbortSignal,
): Promise<Timeline> {
  const events = await eventsOf(client, batch, signal);
  const entries = [...ownDates(batch), ...(events ?? [])];
  entries.sort(latestFirst);
  return { entries: entries.slice(0, MAX_ENTRIES), events: events !== undefined };
}

/** What happens one after the other, though within one second. */
const STORY = ["Added", "Bound", "Started", "Arrived", "Provisioned"];
/** `2026-11-26T13:40:05`: Events have fractions of a second, and dates of a batch have none. */
const SECOND = 19;

function latestFirst(a: TimelineEntry, b: TimelineEntry): number {
  const [left, right] = [a.at.slice(0, SECOND), b.at.slice(0, SECOND)];
  if (left !== right) return left < right ? 1 : -1;
  return STORY.indexOf(b.reason) - STORY.indexOf(a.reason);
}

async function eventsOf(
  client: KubeClient,
  { metadata }: DeviceBatch,
  signal: AbortSignal,
): Promise<TimelineEntry[] | undefined> {
  try {
    const { items } = await client.resource<Event>(EVENT).list(
      {
        namespace: metadata.namespace,
        fieldSelector: `involvedObject.kind=DeviceBatch,involvedObject.name=${metadata.name}`,
      },
      signal,
    );
    return items.map((event) => ({
      at:
        event.series?.lastObservedTime ??
        event.lastTimestamp ??
        event.eventTime ??
        event.metadata.creationTimestamp ??
        "",
      kind: event.type === "Warning" ? "Warning" : "Normal",
      reason: event.reason ?? "",
      message: event.message ?? "",
      count: event.series?.count ?? event.count ?? 1,
    }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

function ownDates({ metadata, status }: DeviceBatch): TimelineEntry[] {
  const entry = (at: string | undefined, reason: string, message: string): TimelineEntry[] =>
    at === undefined ? [] : [{ at, kind: "Normal", reason, message, count: 1 }];
  return [
    ...entry(metadata.creationTimestamp, "Added", ""),
    ...(status?.clouds ?? []).flatMap(({ name, startedAt, provisionedAt }) =>
      entry(startedAt, "Started", name).concat(entry(provisionedAt, "Arrived", name)),
    ),
  ];
}
