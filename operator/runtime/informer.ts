import { isGone, isTransient } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import type { ListOptions, ResourceClient } from "./client.ts";
import { monotonic, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { untilAborted } from "./deadline.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import { compareResourceVersions, keyOf } from "./objects.ts";
import type { KubeObject } from "./objects.ts";
import { Store } from "./store.ts";
import type { IndexFunction } from "./store.ts";
import type { WatchEvent } from "./watch.ts";

/** What happened to one object. Objects are shared with the cache: read them, never change or keep them. */
export interface Change<T> {
  type: "added" | "updated" | "deleted";
  /** As it is now; when deleted, as it was last. */
  object: T;
  previous?: T;
}

export interface InformerOptions<T extends KubeObject> {
  client: ResourceClient<T>;
  /** In logs and health checks; the plural of the kind by default. */
  name?: string;
  /** One namespace only; all by default. */
  namespace?: string;
  labelSelector?: string;
  /** Such as `metadata.name=acme`: one object only. */
  fieldSelector?: string;
  /** By name, the values under which an object is found with byIndex. */
  indexes?: Record<string, IndexFunction<T>>;
  clock?: Clock;
  log?: Logger;
  /** What is kept of an object, to spare memory. It must keep metadata's name, namespace, uid, resourceVersion. */
  transform?: (object: T) => T;
  /** Between tries after failures. */
  backoff?: Backoff;
  /** A watch that is silent for this long is given up. A live server sends a bookmark each minute. */
  stallTimeoutMs?: number;
  /**
   * How often every object is handed to the handlers again as `updated` (with itself as previous), and everything
   * listed anew when the watch ends next; 0 is never.
   */
  resyncMs?: number;
  random?: () => number;
}

/** client-go's: a watch ends after five to ten minutes, so that many watchers spread over the servers anew. */
const WATCH_SECONDS = 300;
const STALL_TIMEOUT_MS = 90_000;
/** controller-runtime's. */
const RESYNC_MS = 10 * 3_600_000;
/** A watch that ends sooner than this without an event is a fault, not an end. */
const SHORTEST_WATCH_MS = 1_000;

/**
 * A cache of one kind, kept up to date by list and watch for as long as it takes: whatever breaks is tried again
 * with backoff, and what was missed meanwhile (deletions and re-creations too) is told when it is found out.
 */
export class Informer<T extends KubeObject> {
  readonly #o: InformerOptions<T>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #store: Store<T>;
  readonly #handlers: ((change: Change<T>) => void)[] = [];
  readonly #untold: Change<T>[] = [];
  readonly #sync = Promise.withResolvers<void>();
  #telling = false;
  #synced = false;
  /** All up to this resource version has been told. */
  #position: string | undefined;
  #mustList = true;
  #failures = 0;
  /** Whether the last failure was that the history is gone. */
  #wasGone = false;
  #lastSign: number | undefined;
  #running: Promise<void> | undefined;

  constructor(options: InformerOptions<T>) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = (options.log ?? silentLogger).child({ informer: this.name });
    this.#backoff = options.backoff ?? new Backoff({ baseMs: 500, maxMs: 30_000 });
    this.#random = options.random ?? Math.random;
    this.#store = new Store(
      Object.fromEntries(
        Object.entries(options.indexes ?? {}).map(([name, of]) => [name, this.#guarded(name, of)]),
      ),
    );
  }

  get name(): string {
    return this.#o.name ?? this.#o.client.kind.plural;
  }

  /**
   * Calls back for each change, in order; for what is there already, at once. A handler that throws is logged.
   */
  onChange(handler: (change: Change<T>) => void): void {
    this.#handlers.push(handler);
    for (const object of this.#store.values()) this.#call(handler, { type: "added", object });
  }

  /** Lists and watches until the signal is aborted. */
  start(signal: AbortSignal): void {
    if (this.#running !== undefined) throw new Error(`the informer of ${this.name} has been started already`);
    this.#lastSign = monotonic(this.#clock);
    this.#running = Promise.all([this.#run(signal), this.#resync(signal)]).then(() => undefined);
  }

  /** Resolves when the informer has ended after its signal was aborted: no handler is called any more. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  /**
   * Resolves when everything that was there at the first list has been told.
   * @throws the signal's reason
   */
  async waitForSync(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, this.#sync.promise);
  }

  get synced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(): T[] {
    return this.#store.values();
  }

  /** @throws Error when there is no index of that name */
  byIndex(index: string, value: string): T[] {
    return this.#store.byIndex(index, value);
  }

  /**
   * Writes through what the server answered to a write of our own, so that the cache does not lag behind it. Only
   * what is newer than everything told so far is taken: of anything older the watch has told the end already,
   * deletion included.
   */
  observe(object: T): void {
    const { namespace, resourceVersion } = object.metadata;
    if (this.#o.namespace !== undefined && namespace !== this.#o.namespace) return;
    if (!isNewer(resourceVersion, this.#position)) return;
    const cached = this.#store.get(keyOf(object));
    if (cached !== undefined && !isNewer(resourceVersion, cached.metadata.resourceVersion)) return;
    this.#put(this.#kept(object));
  }

  /** Milliseconds since the server was last heard of: a list, an accepted watch, an event, a bookmark. */
  staleForMs(): number {
    return this.#lastSign === undefined ? 0 : monotonic(this.#clock) - this.#lastSign;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const listed = this.#mustList || this.#position === undefined;
        if (listed) await this.#relist(signal);
        await this.#watch(!listed, signal);
      } catch (error) {
        if (signal.aborted) return;
        const pause = this.#pauseAfter(error);
        await this.#clock.sleep(pause, signal).catch(() => undefined);
      }
    }
  }

  #pauseAfter(error: unknown): number {
    this.#failures += 1;
    const gone = isGone(error);
    const goneAgain = gone && this.#wasGone;
    this.#wasGone = gone;
    if (gone) this.#mustList = true;
    // To have missed the history is no fault of the server's, unless it says so of what it has just listed.
    if (gone && !goneAgain) {
      this.#log.info("the watch has fallen too far behind: listing anew");
      return 0;
    }
    const asked = isTransient(error) ? (error.retryAfterMs ?? 0) : 0;
    const pause = Math.round(Math.max(asked, this.#backoff.delay(this.#failures)));
    this.#log.warn(
      { err: error, failures: this.#failures, retryInMs: pause },
      `${this.#mustList ? "list" : "watch"} failed`,
    );
    return pause;
  }

  #recovered(): void {
    if (this.#failures > 0) this.#log.info({ failures: this.#failures }, "watching again");
    this.#failures = 0;
    this.#wasGone = false;
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const listed = await this.#o.client.list(this.#scope(), signal);
    this.#sawSign();
    this.#replace(listed.items, listed.resourceVersion);
    this.#position = listed.resourceVersion;
    this.#mustList = false;
    if (!this.#synced) {
      this.#synced = true;
      this.#log.info({ objects: this.#store.size }, "synced");
      this.#sync.resolve();
    }
  }

  #scope(): ListOptions {
    const { namespace, labelSelector, fieldSelector } = this.#o;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  /** Makes the cache what was listed at `version`, telling the differences. */
  #replace(items: readonly T[], version: string): void {
    // A list older than what was told: the cluster has been restored from a backup. Then nothing cached is newer.
    const rewound = isNewer(this.#position, version);
    if (rewound) this.#log.warn({ from: this.#position, to: version }, "resource versions have gone back");
    /** The list says nothing about what was written after it (by us, seen through observe). */
    const newer = (object: T): boolean => !rewound && isNewer(object.metadata.resourceVersion, version);

    const listed = new Set(items.map((item) => keyOf(item)));
    for (const object of this.#store.values()) {
      if (!listed.has(keyOf(object)) && !newer(object)) this.#remove(object, object);
    }
    for (const item of items) {
      const cached = this.#store.get(keyOf(item));
      if (cached !== undefined && newer(cached)) continue;
      if (
        cached?.metadata.uid === item.metadata.uid &&
        cached?.metadata.resourceVersion === item.metadata.resourceVersion
      )
        continue;
      this.#put(this.#kept(item));
    }
  }

  /** @param checkVersion whether the server may have been restored from a backup since the last answer */
  async #watch(checkVersion: boolean, signal: AbortSignal): Promise<void> {
    const { client, stallTimeoutMs = STALL_TIMEOUT_MS } = this.#o;
    const startedAt = monotonic(this.#clock);
    const events = await client.watch(
      {
        ...this.#scope(),
        resourceVersion: this.#position ?? "0",
        timeoutSeconds: Math.round(WATCH_SECONDS * (1 + this.#random())),
        stallTimeoutMs,
        checkVersion,
      },
      signal,
    );
    this.#sawSign();
    this.#log.debug({ resourceVersion: this.#position }, "watching");
    let seen = 0;
    for await (const event of events) {
      this.#sawSign();
      if (seen === 0) this.#recovered();
      seen += 1;
      if (!this.#take(event)) return;
    }
    if (seen > 0 || signal.aborted) return;
    if (monotonic(this.#clock) - startedAt < SHORTEST_WATCH_MS) {
      throw new Error("the watch was closed as soon as it was opened");
    }
    this.#recovered();
  }

  /** Takes an event into the cache; false when versions have gone back and everything must be listed anew. */
  #take(event: WatchEvent<T>): boolean {
    const { resourceVersion } = event.type === "BOOKMARK" ? event : event.object.metadata;
    // Versions never go back, but when the cluster is restored from a backup.
    if (isNewer(this.#position, resourceVersion)) {
      this.#mustList = true;
      return false;
    }
    if (resourceVersion !== undefined) this.#position = resourceVersion;
    if (event.type === "BOOKMARK") return true;
    const { object } = event;
    const cached = this.#store.get(keyOf(object));
    // A write-through of ours may be ahead of the watch.
    const order = compareResourceVersions(resourceVersion, cached?.metadata.resourceVersion);
    if (event.type === "DELETED") {
      const outdated = order !== undefined && order < 0;
      if (cached !== undefined && !outdated) this.#remove(cached, this.#kept(object));
    } else if (order === undefined || order > 0) {
      this.#put(this.#kept(object));
    }
    return true;
  }

  #put(object: T): void {
    const previous = this.#store.get(keyOf(object));
    if (previous === undefined) {
      this.#store.set(object);
      this.#tell({ type: "added", object });
      return;
    }
    if (previous.metadata.uid !== object.metadata.uid) {
      this.#remove(previous, previous);
      this.#put(object);
      return;
    }
    this.#store.set(object);
    this.#tell({ type: "updated", object, previous });
  }

  #remove(cached: T, last: T): void {
    this.#store.delete(keyOf(cached));
    this.#tell({ type: "deleted", object: last, previous: cached });
  }

  #kept(object: T): T {
    try {
      return this.#o.transform === undefined ? object : this.#o.transform(object);
    } catch (error) {
      this.#log.error({ err: error, key: keyOf(object) }, "the transform threw: the object is kept whole");
      return object;
    }
  }

  /** One odd object must not stop the cache: an index that throws does not find it. */
  #guarded(name: string, of: IndexFunction<T>): IndexFunction<T> {
    return (object) => {
      try {
        return of(object);
      } catch (error) {
        this.#log.error(
          { err: error, index: name, key: keyOf(object) },
          "an index threw: it leaves the object out",
        );
        return [];
      }
    };
  }

  /** Tells a change after those before it, even when a handler itself makes one (by observe). */
  #tell(change: Change<T>): void {
    this.#untold.push(change);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
      for (const handler of this.#handlers) this.#call(handler, next);
    }
    this.#telling = false;
  }

  #call(handler: (change: Change<T>) => unknown, change: Change<T>): void {
    const failed = (error: unknown): void =>
      this.#log.error({ err: error, key: keyOf(change.object) }, "a handler of changes threw");
    try {
      const result = handler(change);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  async #resync(signal: AbortSignal): Promise<void> {
    const every = this.#o.resyncMs ?? RESYNC_MS;
    if (every <= 0) return;
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(every * (0.9 + 0.2 * this.#random()), signal);
      } catch {
        return;
      }
      this.#mustList = true;
      for (const object of this.#store.values()) {
        if (this.#store.get(keyOf(object)) === object)
          this.#tell({ type: "updated", object, previous: object });
      }
    }
  }

  #sawSign(): void {
    this.#lastSign = monotonic(this.#clock);
  }
}

function isNewer(a: string | undefined, b: string | undefined): boolean {
  const order = compareResourceVersions(a, b);
  return order !== undefined && order > 0;
}
