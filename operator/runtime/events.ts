import { randomBytes } from "node:crypto";

import { isNotFound, isTransient } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import type { KubeClient, ResourceClient } from "./client.ts";
import { systemClock } from "./clock.ts";
import type { Clock, Timer } from "./clock.ts";
import { untilAborted } from "./deadline.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import { keyOf } from "./objects.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import { formatMicroTime } from "./times.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface EventInput<Reason extends string = string> {
  type: "Normal" | "Warning";
  /** Why, in CamelCase: `Bound`, `Unauthorized`. */
  reason: Reason;
  /** What was being done, in CamelCase: `Bind`, `Provision`. */
  action: string;
  /** For people; cut to 1024 bytes. */
  message: string;
}

export interface EventRecorderOptions {
  client: Pick<KubeClient, "resource">;
  /** The reporting controller, as a qualified name: `certferry.dev/operator`. */
  component: string;
  /** Which process reports: the pod's name. */
  instance: string;
  clock?: Clock;
  log?: Logger;
  /** Told what became of an event or a repetition, for metrics. */
  onOutcome?: (outcome: EventOutcome) => void;
}

/** `dropped`: by a limit; `failed`: the server did not take it. */
export type EventOutcome = "written" | "dropped" | "failed";

/** events.k8s.io/v1 Event, as far as it is written here. */
interface KubeEvent extends KubeObject {
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  type: string;
  note: string;
  regarding: { apiVersion: string; kind: string; name: string; namespace?: string; uid?: string };
  series?: { count: number; lastObservedTime: string };
}

/**
 * events.k8s.io/v1, not core/v1: the server checks action, reason and reporting instance, and an Event is
 * immutable but for its series, so that a repetition is one small patch. kubectl shows both alike.
 */
const EVENT: ResourceKind = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  namespaced: true,
};

/** One event and its repetitions. */
interface Series {
  readonly event: KubeEvent;
  count: number;
  /** How many of these the server has been told. */
  told: number;
  lastAt: number;
  queued: boolean;
}

const MAX_NOTE_BYTES = 1024;
const MAX_WORD = 128;
/** An event that comes back after this long is a new one (client-go's). */
const SERIES_ENDS_AFTER_MS = 6 * 60_000;
/** How often repetitions are told, at most. */
const SWEEP_MS = 10_000;
/** Per object, as client-go's spam filter: so many at once, then one in five minutes. */
const PER_OBJECT = { burst: 25, perSecond: 1 / 300 };
/** All objects together: etcd keeps each Event for an hour. What is well is told only while there is room for what is not. */
const IN_ALL = { burst: 500, perSecond: 10 };
const NORMAL_IN_ALL = { burst: 400, perSecond: 8 };
/** How often it is said that events were dropped, at most. */
const DROPS_TOLD_MS = 60_000;
const MAX_SERIES = 1_000;
const MAX_QUEUE = 500;
const MAX_TRIES = 3;

/**
 * Writes Events about objects, in the background: nothing here throws, blocks or grows without bound. What cannot
 * be written is dropped and logged; Events are for people, never for logic.
 */
export class EventRecorder<Reason extends string = string> {
  readonly #o: EventRecorderOptions;
  readonly #events: ResourceClient<KubeEvent>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 5_000 });
  /** Both in order of last use. */
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #queue: Series[] = [];
  readonly #inAll: Record<"all" | "normal", TokenBucket>;
  #pumping: Promise<void> | undefined;
  #sweep: Timer | undefined;
  #dropped = 0;
  #dropsToldAt = -Infinity;

  constructor(o: EventRecorderOptions) {
    this.#o = o;
    this.#events = o.client.resource<KubeEvent>(EVENT);
    this.#clock = o.clock ?? systemClock;
    this.#log = (o.log ?? silentLogger).child({ module: "events" });
    const now = this.#clock.now();
    this.#inAll = { all: new TokenBucket(IN_ALL, now), normal: new TokenBucket(NORMAL_IN_ALL, now) };
  }

  /**
   * Records an event about an object; that of a cluster-scoped one goes to the namespace `default`.
   * @param log where it is said too, once and not for each repetition
   */
  event(object: KubeObject, input: EventInput<Reason>, log?: Logger): void {
    try {
      this.#record(object, input, log);
    } catch (error) {
      this.#log.warn({ err: error }, "an event was dropped");
    }
  }

  /** Tells what is not told yet. Resolves when that is done or the signal is aborted; never rejects. */
  async flush(signal: AbortSignal): Promise<void> {
    try {
      this.#tellRepetitions(false);
      while (this.#pumping !== undefined) {
        await untilAborted(signal, this.#pumping);
        this.#tellRepetitions(false);
      }
    } catch {
      this.#log.warn({ left: this.#queue.length }, "stopping before all events are written");
      this.#queue.length = 0;
    }
  }

  #record(object: KubeObject, input: EventInput, log: Logger | undefined): void {
    const note = clipBytes(input.message, MAX_NOTE_BYTES);
    const about = object.metadata.uid ?? `${object.kind}/${keyOf(object)}`;
    const key = [about, input.type, input.reason, note].join("\0");
    const now = this.#clock.now();
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt <= SERIES_ENDS_AFTER_MS) {
      known.count += 1;
      known.lastAt = now;
      touch(this.#series, key, known);
      this.#sweep ??= this.#clock.setTimeout(() => this.#tellRepetitions(true), SWEEP_MS);
      return;
    }
    if (!this.#allowed(about, now)) {
      this.#drop(now, input, object);
      return;
    }
    log?.[input.type === "Warning" ? "warn" : "info"]({ reason: input.reason, action: input.action }, note);
    if (!this.#hasRoom(input.type, now)) {
      this.#drop(now, input, object);
      return;
    }
    const event = this.#describe(object, input, note, now);
    const series: Series = { event, count: 1, told: 0, lastAt: now, queued: false };
    touch(this.#series, key, series);
    this.#enqueue(series);
  }

  #describe(object: KubeObject, input: EventInput, note: string, now: number): KubeEvent {
    const { name, namespace, uid } = object.metadata;
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: eventName(name), namespace: namespace ?? "default" },
      eventTime: formatMicroTime(now),
      reportingController: this.#o.component,
      reportingInstance: this.#o.instance.slice(0, MAX_WORD),
      action: input.action.slice(0, MAX_WORD),
      reason: input.reason.slice(0, MAX_WORD),
      type: input.type,
      note,
      regarding: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
      },
    };
  }

  #allowed(about: string, now: number): boolean {
    const bucket = this.#buckets.get(about) ?? new TokenBucket(PER_OBJECT, now);
    touch(this.#buckets, about, bucket);
    return bucket.take(now);
  }

  #hasRoom(type: EventInput["type"], now: number): boolean {
    if (type === "Normal" && !this.#inAll.normal.take(now)) return false;
    return this.#inAll.all.take(now);
  }

  #drop(now: number, { reason }: Pick<EventInput, "reason">, object: KubeObject): void {
    this.#o.onOutcome?.("dropped");
    this.#dropped += 1;
    if (now - this.#dropsToldAt < DROPS_TOLD_MS) return;
    this.#log.warn(
      { dropped: this.#dropped, last: { kind: object.kind, key: keyOf(object), reason } },
      "too many events: some were dropped (objects' conditions say the same)",
    );
    this.#dropped = 0;
    this.#dropsToldAt = now;
  }

  /** @param limited whether the limit per object holds: not for the last words before the end */
  #tellRepetitions(limited: boolean): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    const now = this.#clock.now();
    let left = false;
    for (const [key, series] of this.#series) {
      if (series.count === series.told || series.queued) continue;
      const [about = ""] = key.split("\0", 1);
      if (!limited || this.#allowed(about, now)) this.#enqueue(series);
      else left = true;
    }
    if (left) this.#sweep = this.#clock.setTimeout(() => this.#tellRepetitions(true), SWEEP_MS);
  }

  #enqueue(series: Series): void {
    if (this.#queue.length >= MAX_QUEUE) {
      this.#drop(this.#clock.now(), series.event, series.event);
      return;
    }
    series.queued = true;
    this.#queue.push(series);
    this.#startPump();
  }

  #startPump(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
      // Something may have been queued after the pump saw that nothing was.
      if (this.#queue.length > 0) this.#startPump();
    });
  }

  /** Writes what is queued, one after another. Never rejects. */
  async #pump(): Promise<void> {
    for (let series = this.#queue.shift(); series !== undefined; series = this.#queue.shift()) {
      await this.#write(series);
      series.queued = false;
    }
  }

  async #write(series: Series): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#tell(series);
        this.#o.onOutcome?.("written");
        return;
      } catch (error) {
        if (!isTransient(error) || failures >= MAX_TRIES) {
          // A namespace that is being deleted takes no new Events, and that is nobody's fault.
          const level = isTransient(error) ? "warn" : "debug";
          this.#log[level]({ err: error, reason: series.event.reason }, "an event was not written");
          series.told = series.count;
          this.#o.onOutcome?.("failed");
          return;
        }
        await this.#clock.sleep(Math.max(error.retryAfterMs ?? 0, this.#backoff.delay(failures)));
      }
    }
  }

  async #tell(series: Series): Promise<void> {
    const { count, event } = series;
    const repeated = count > 1 ? { series: { count, lastObservedTime: formatMicroTime(series.lastAt) } } : {};
    if (series.told > 0) {
      try {
        await this.#events.patch(event.metadata, repeated);
        series.told = count;
        return;
      } catch (error) {
        // The server forgets Events after an hour.
        if (!isNotFound(error)) throw error;
      }
    }
    await this.#events.create({ ...event, ...repeated });
    series.told = count;
  }
}

/** The event's own name: the object's, shortened where it must be, and a part that is unique. */
function eventName(name: string): string {
  const unique = randomBytes(8).toString("hex");
  return `${name.slice(0, 230).replace(/[^a-z0-9]+$/u, "")}.${unique}`;
}

/** Puts an entry last and drops the first when there are too many. */
function touch<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_SERIES) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** At most so many bytes of UTF-8, with a mark where something was cut, and no character cut in two. */
export function clipBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const mark = "…";
  let end = maxBytes - Buffer.byteLength(mark);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end) + mark;
}
