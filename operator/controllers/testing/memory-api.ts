import { ApiError } from "../../runtime/api-error.ts";
import type { PatchOptions, ResourceClient } from "../../runtime/client.ts";
import { sameJson } from "../../runtime/json.ts";
import { keyOf, type KubeObject, type ResourceKind } from "../../runtime/objects.ts";
import type { WatchEvent } from "../../runtime/watch.ts";

type Listener = (event: WatchEvent<KubeObject>) => void;

/** For tests of reconcilers: an API server's objects of one kind, with its rules for versions and finalizers. */
export class MemoryKind<T extends KubeObject> implements ResourceClient<T> {
  readonly kind: ResourceKind;
  /** How often each verb was used. */
  readonly calls: Record<string, number> = {};
  readonly #api: MemoryApi;
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<Listener>();

  constructor(kind: ResourceKind, api: MemoryApi) {
    this.kind = kind;
    this.#api = api;
  }

  async get(key: { namespace?: string; name: string }): Promise<T> {
    const found = await this.find(key);
    if (found === undefined) throw refusal(404, "NotFound");
    return found;
  }

  async find(key: { namespace?: string; name: string }): Promise<T | undefined> {
    this.#count("get");
    await settled();
    return structuredClone(this.#objects.get(keyOf({ metadata: key })));
  }

  async list(options: { labelSelector?: string } = {}): Promise<{ items: T[]; resourceVersion: string }> {
    this.#count("list");
    await settled();
    const terms = (options.labelSelector ?? "").split(",").filter((term) => term !== "");
    const items = [...this.#objects.values()].filter(({ metadata }) =>
      terms.every((term) => {
        const [name = "", value] = term.split("=");
        return metadata.labels?.[name] === value;
      }),
    );
    return { items: structuredClone(items), resourceVersion: this.#api.version() };
  }

  async create(object: T): Promise<T> {
    this.#count("create");
    await settled();
    if (this.#objects.has(keyOf(object))) throw refusal(409, "AlreadyExists");
    const uid = this.#api.uid();
    return this.#put("ADDED", { ...object, metadata: { generation: 1, ...object.metadata, uid } });
  }

  async update(object: T): Promise<T> {
    this.#count("update");
    await settled();
    const before = this.#current(object);
    const changed = !sameJson(specOf(before), specOf(object));
    const generation = (before.metadata.generation ?? 0) + (changed ? 1 : 0);
    const { uid, deletionTimestamp } = before.metadata;
    const kept = deletionTimestamp === undefined ? {} : { deletionTimestamp };
    const metadata = { ...object.metadata, ...(uid === undefined ? {} : { uid }), ...kept, generation };
    return this.#put("MODIFIED", { ...object, metadata });
  }

  async updateStatus(object: T): Promise<T> {
    this.#count("updateStatus");
    await settled();
    const { status } = object as { status?: unknown };
    return this.#put("MODIFIED", { ...this.#current(object), status });
  }

  /** Merges one level of metadata, which is all that finalizers need. */
  async patch(
    key: { namespace?: string; name: string },
    patch: unknown,
    _options?: PatchOptions,
  ): Promise<T> {
    this.#count("patch");
    await settled();
    const { metadata } = patch as Partial<KubeObject>;
    const before = this.#current({ metadata: { ...key, ...metadata } });
    return this.#put("MODIFIED", { ...before, metadata: { ...before.metadata, ...metadata } });
  }

  async delete(key: { namespace?: string; name: string }): Promise<void> {
    this.#count("delete");
    await settled();
    const before = this.#objects.get(keyOf({ metadata: key }));
    if (before === undefined) return;
    const metadata = { ...before.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    this.#put("MODIFIED", { ...before, metadata });
  }

  watch(_options: unknown, signal: AbortSignal): Promise<AsyncGenerator<WatchEvent<T>>> {
    return Promise.resolve(this.#events(signal));
  }

  async *#events(signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const queue: WatchEvent<KubeObject>[] = [];
    let wake = (): void => {};
    const listener: Listener = (event) => {
      queue.push(event);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => wake(), { once: true });
    while (!signal.aborted) {
      const event = queue.shift();
      if (event !== undefined) yield event as WatchEvent<T>;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#listeners.delete(listener);
  }

  #current(object: { metadata: KubeObject["metadata"] }): T {
    const before = this.#objects.get(keyOf(object));
    if (before === undefined) throw refusal(404, "NotFound");
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
      throw refusal(409, "Conflict");
    return before;
  }

  #put(type: "ADDED" | "MODIFIED", object: T): T {
    const metadata = { ...object.metadata, resourceVersion: this.#api.nextVersion() };
    const put = structuredClone({ ...object, metadata });
    const gone = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    if (gone) this.#objects.delete(keyOf(put));
    else this.#objects.set(keyOf(put), put);
    for (const tell of this.#listeners) tell({ type: gone ? "DELETED" : type, object: structuredClone(put) });
    return structuredClone(put);
  }

  #count(verb: string): void {
    this.calls[verb] = (this.calls[verb] ?? 0) + 1;
  }
}

/** The kinds of one API server, in memory. */
export class MemoryApi {
  readonly #kinds = new Map<string, MemoryKind<KubeObject>>();
  #version = 1;
  #uids = 0;

  resource<T extends KubeObject>(kind: ResourceKind): MemoryKind<T> {
    const existing = this.#kinds.get(kind.plural);
    const found = existing ?? new MemoryKind<KubeObject>(kind, this);
    this.#kinds.set(kind.plural, found);
    return found as unknown as MemoryKind<T>;
  }

  version(): string {
    return String(this.#version);
  }

  nextVersion(): string {
    this.#version += 1;
    return this.version();
  }

  uid(): string {
    this.#uids += 1;
    return `uid-${this.#uids}`;
  }
}

function specOf(object: KubeObject): unknown {
  return (object as { spec?: unknown }).spec;
}

function refusal(status: number, reason: string): ApiError {
  return new ApiError(reason, { status, reason });
}

/** An answer comes later than the caller's next line. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
