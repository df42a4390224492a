import type { KubeConfig } from "@kubernetes/client-node";
import type { Dispatcher } from "undici";

import { ApiError, isGone, isNotFound, isTransient } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import { monotonic, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { Connection, connectionError } from "./connection.ts";
import type { ApiRequest } from "./connection.ts";
import { withDeadline } from "./deadline.ts";
import { apiPath, apiVersionOf, compareResourceVersions, keyOf } from "./objects.ts";
import type { KubeObject, ObjectKey, ResourceKind } from "./objects.ts";
import { strictly } from "./strict.ts";
import { asRecord, badAnswer, readWatch, statusError } from "./watch.ts";
import type { WatchEvent } from "./watch.ts";

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface PatchOptions {
  /** `merge` (RFC 7386) by default; `json` is RFC 6902; `apply` is a server-side apply and needs a fieldManager. */
  type?: "merge" | "json" | "apply";
  subresource?: "status";
  fieldManager?: string;
  /** Of an apply: take fields over from other managers. */
  force?: boolean;
}

export interface DeleteOptions {
  /** Preconditions: a 409 ApiError when the object that is there is another one. */
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

export interface WatchOptions extends ListOptions {
  /** Events after this one. */
  resourceVersion: string;
  /** After how long the server ends the watch by itself. */
  timeoutSeconds: number;
  /** After how long without a byte the watch is given up; bookmarks come about once a minute. */
  stallTimeoutMs: number;
  /**
   * Asks first whether the server is as far as resourceVersion, and throws a 410 (isGone) when it is not: it has
   * been restored from a backup, and would accept the watch and say nothing, perhaps for ever.
   */
  checkVersion?: boolean;
}

/**
 * One kind, on one API server. Every method but `watch` ends within the client's request timeout (lists: each
 * page). All throw {@link ApiError}, or the signal's reason when it is aborted.
 */
export interface ResourceClient<T extends KubeObject> {
  readonly kind: ResourceKind;
  /** @throws ApiError 404 */
  get(key: ObjectKey, signal?: AbortSignal): Promise<T>;
  /** Like get, but undefined when there is no such object. */
  find(key: ObjectKey, signal?: AbortSignal): Promise<T | undefined>;
  /** All objects, read page by page, as of one moment. */
  list(options?: ListOptions, signal?: AbortSignal): Promise<{ items: T[]; resourceVersion: string }>;
  create(object: T, signal?: AbortSignal): Promise<T>;
  /** PUT. A resourceVersion in the object is the precondition (isConflict). */
  update(object: T, signal?: AbortSignal): Promise<T>;
  /** PUT of the status subresource; what else is in the object is not written. */
  updateStatus(object: T, signal?: AbortSignal): Promise<T>;
  patch(key: ObjectKey, patch: unknown, options?: PatchOptions, signal?: AbortSignal): Promise<T>;
  /** Not found is no error. */
  delete(key: ObjectKey, options?: DeleteOptions, signal?: AbortSignal): Promise<void>;
  /** Resolves when the server has accepted the watch; the events end when the server ends it. */
  watch(options: WatchOptions, signal: AbortSignal): Promise<AsyncGenerator<WatchEvent<T>>>;
}

export interface KubeClientOptions {
  /** How long one request may take, repetitions included. */
  requestTimeoutMs?: number;
  userAgent?: string;
  clock?: Clock;
  /**
   * Whether this process may write now (leases apart): asked when a write is about to leave. A process that was
   * suspended for longer than its lease would otherwise go on in the middle of what it was doing.
   */
  mayWrite?: () => boolean;
  /** Told of each request that was sent, for metrics: its method, and the answer's status if there was one. */
  onAnswer?: (method: ApiRequest["method"], status: number | undefined) => void;
  /** Sent with every request, by their lower-case names: to act as somebody (`impersonate-user`), for example. */
  headers?: Readonly<Record<string, string | string[]>>;
  /**
   * Has the server refuse (400) what is written with a field that it does not know, or one twice, as kubectl has it;
   * otherwise such a field is dropped without a word.
   */
  strict?: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TRIES = 4;
const PAGE = "500";

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/**
 * A client of one Kubernetes API server: deadlines on everything, connections that are reused, a 401 answered once
 * with fresh credentials, reads repeated a few times, refusals by flow control (429) waited out.
 */
export class KubeClient {
  readonly clock: Clock;
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #strict: boolean;
  readonly #backoff = new Backoff({ baseMs: 100, maxMs: 2_000 });

  constructor(config: KubeConfig, options: KubeClientOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#strict = options.strict ?? false;
    this.#connection = new Connection(config, {
      clock: this.clock,
      userAgent: options.userAgent ?? "certferry",
      mayWrite: options.mayWrite,
      onAnswer: options.onAnswer,
      headers: options.headers,
    });
  }

  resource<T extends KubeObject>(kind: ResourceKind): ResourceClient<T> {
    return new Resource<T>(this, kind);
  }

  /**
   * One request for JSON, whatever the path (`/version`, `/readyz` …).
   * @throws ApiError
   */
  async request(given: ApiRequest, signal?: AbortSignal, o: { quiet?: boolean } = {}): Promise<unknown> {
    const request = this.#strict ? strictly(given) : given;
    const what = `${request.method} ${request.path}`;
    const until = monotonic(this.clock) + this.#timeoutMs;
    return this.#bounded(what, signal, async (inner) => {
      for (let failures = 1; ; failures += 1) {
        try {
          const response = await this.#connection.exchange(request, inner);
          return await this.#read(response, what, inner, o.quiet);
        } catch (error) {
          const pause = inner.aborted ? undefined : this.#pauseBeforeRetry(request, error, failures);
          // What came says more than a deadline that passes while waiting.
          if (pause === undefined || monotonic(this.clock) + pause >= until) throw error;
          await this.clock.sleep(pause, inner);
        }
      }
    });
  }

  /** Opens a stream: the deadline holds until the server has accepted, the signal for as long as it is read. */
  async open(request: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData["body"]> {
    const what = `${request.method} ${request.path}`;
    const response = await this.#bounded(what, signal, async (inner) => {
      const answer = await this.#connection.exchange(request, inner);
      if (answer.statusCode !== 200) await this.#read(answer, what, inner);
      return answer;
    });
    return response.body;
  }

  /** Ends all connections; what is under way fails. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  #bounded<T>(
    what: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ms = this.#timeoutMs;
    const late = (): ApiError =>
      new ApiError(`${what}: no answer from ${this.#connection.server} within ${ms} ms`, {
        status: 0,
        reason: "Timeout",
      });
    return withDeadline({ clock: this.clock, ms, signal, late }, work);
  }

  async #read(
    response: Dispatcher.ResponseData,
    what: string,
    signal: AbortSignal,
    quiet = false,
  ): Promise<unknown> {
    let text: string;
    try {
      text = await response.body.text();
    } catch (error) {
      throw connectionError(error, signal, what, this.#connection.server);
    }
    const status = response.statusCode;
    const ok = status >= 200 && status < 300;
    let parsed: unknown;
    try {
      parsed = text === "" ? {} : JSON.parse(text);
    } catch {
      if (ok) throw badAnswer(what, "the answer is not JSON: is this a Kubernetes API server?");
    }
    if (ok) return parsed;
    const retryAfterMs = retryAfter(response.headers["retry-after"]);
    throw statusError(what, asRecord(parsed), status, { retryAfterMs, quiet });
  }

  /** Milliseconds to wait before this request is sent again, or undefined when it must not be. */
  #pauseBeforeRetry(request: ApiRequest, error: unknown, failures: number): number | undefined {
    if (!isTransient(error) || failures >= MAX_TRIES) return undefined;
    // Flow control refuses before anything is done; after all else only a read may be repeated.
    if (error.status !== 429 && request.method !== "GET") return undefined;
    if (error.reason === "Credentials" || error.reason === "Closed") return undefined;
    return Math.max(error.retryAfterMs ?? 0, this.#backoff.delay(failures));
  }
}

/** `Retry-After` in milliseconds. The API server sends whole seconds. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = typeof header === "string" && header !== "" ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

class Resource<T extends KubeObject> implements ResourceClient<T> {
  readonly kind: ResourceKind;
  readonly #client: KubeClient;
  readonly #quiet: { quiet?: boolean };

  constructor(client: KubeClient, kind: ResourceKind) {
    this.#client = client;
    this.kind = kind;
    this.#quiet = { quiet: kind.group === "" && kind.plural === "secrets" };
  }

  async get(key: ObjectKey, signal?: AbortSignal): Promise<T> {
    return this.#send({ method: "GET", path: this.#pathOf(key) }, signal);
  }

  async find(key: ObjectKey, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get(key, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list(
    options: ListOptions = {},
    signal?: AbortSignal,
  ): Promise<{ items: T[]; resourceVersion: string }> {
    try {
      return await this.#readPages(options, PAGE, signal);
    } catch (error) {
      // The pages' moment was compacted away while they were read: all at once, then, as client-go does.
      if (isGone(error)) return this.#readPages(options, undefined, signal);
      throw error;
    }
  }

  async create(object: T, signal?: AbortSignal): Promise<T> {
    const { namespace, name } = object.metadata;
    this.#checkScope({ name, ...(namespace === undefined ? {} : { namespace }) });
    const path = apiPath(this.kind, namespace === undefined ? {} : { namespace });
    return this.#send({ method: "POST", path, body: this.#typed(object) }, signal);
  }

  async update(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send(
      { method: "PUT", path: this.#pathOf(object.metadata), body: this.#typed(object) },
      signal,
    );
  }

  async updateStatus(object: T, signal?: AbortSignal): Promise<T> {
    const path = this.#pathOf(object.metadata, "status");
    return this.#send({ method: "PUT", path, body: this.#typed(object) }, signal);
  }

  async patch(key: ObjectKey, patch: unknown, options: PatchOptions = {}, signal?: AbortSignal): Promise<T> {
    const { type = "merge", fieldManager, force } = options;
    const request: ApiRequest = {
      method: "PATCH",
      path: this.#pathOf(key, options.subresource),
      query: { fieldManager, force: force === undefined ? undefined : String(force) },
      contentType: PATCH_TYPES[type],
      body: type === "apply" ? this.#typed(asRecord(patch)) : patch,
    };
    return this.#send(request, signal);
  }

  async delete(key: ObjectKey, options: DeleteOptions = {}, signal?: AbortSignal): Promise<void> {
    const { propagationPolicy, ...preconditions } = options;
    const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions, propagationPolicy };
    try {
      await this.#client.request({ method: "DELETE", path: this.#pathOf(key), body }, signal, this.#quiet);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async watch(options: WatchOptions, signal: AbortSignal): Promise<AsyncGenerator<WatchEvent<T>>> {
    const { resourceVersion, timeoutSeconds, stallTimeoutMs } = options;
    const path = this.#collection(options);
    if (options.checkVersion === true) await this.#checkVersion(options, signal);
    const query = {
      ...selectors(options),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
    };
    const body = await this.#client.open({ method: "GET", path, query }, signal);
    return readWatch<T>(body, {
      clock: this.#client.clock,
      stallTimeoutMs,
      signal,
      what: `watch of ${path}`,
    });
  }

  async #checkVersion(options: WatchOptions, signal: AbortSignal): Promise<void> {
    const { resourceVersion } = await this.#readPage(options, "1", undefined, signal);
    const order = compareResourceVersions(resourceVersion, options.resourceVersion);
    if (order === undefined || order >= 0) return;
    throw new ApiError(
      `watch of ${this.#collection(options)}: the server is at version ${resourceVersion}, before ${options.resourceVersion}`,
      { status: 410, reason: "Expired" },
    );
  }

  async #readPages(
    options: ListOptions,
    limit: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const items: T[] = [];
    let more: string | undefined;
    for (;;) {
      const page = await this.#readPage(options, limit, more, signal);
      for (const item of page.items) items.push(item);
      if (page.more === undefined) return { items, resourceVersion: page.resourceVersion };
      more = page.more;
    }
  }

  async #readPage(
    options: ListOptions,
    limit: string | undefined,
    after: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ items: T[]; resourceVersion: string; more?: string }> {
    const path = this.#collection(options);
    const query = { ...selectors(options), limit, continue: after };
    const page = asRecord(await this.#client.request({ method: "GET", path, query }, signal, this.#quiet));
    const { resourceVersion, continue: more } = asRecord(page["metadata"]);
    if (!Array.isArray(page["items"]) || typeof resourceVersion !== "string") {
      throw badAnswer(`GET ${path}`, "the answer is not a list");
    }
    // Items of built-in kinds come without their type.
    const items = (page["items"] as T[]).map((item) => this.#typed(item));
    return { items, resourceVersion, ...(typeof more === "string" && more !== "" ? { more } : {}) };
  }

  async #send(request: ApiRequest, signal: AbortSignal | undefined): Promise<T> {
    return (await this.#client.request(request, signal, this.#quiet)) as T;
  }

  #typed<O extends object>(object: O): O & { apiVersion: string; kind: string } {
    return { ...object, apiVersion: apiVersionOf(this.kind), kind: this.kind.kind };
  }

  #collection({ namespace }: ListOptions): string {
    return apiPath(this.kind, namespace === undefined ? {} : { namespace });
  }

  #pathOf(key: ObjectKey, subresource?: string): string {
    this.#checkScope(key);
    return apiPath(this.kind, key, subresource);
  }

  #checkScope(key: ObjectKey): void {
    const { kind, namespaced } = this.kind;
    if (key.name === "") throw new Error(`a ${kind} needs a name`);
    if (namespaced && (key.namespace === undefined || key.namespace === "")) {
      throw new Error(`${kind} ${keyOf({ metadata: key })} needs a namespace`);
    }
  }
}

function selectors(options: ListOptions): Record<string, string | undefined> {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}
