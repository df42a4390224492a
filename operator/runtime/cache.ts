import type { Change, Informer } from "./informer.ts";
import type { ManagedInformer } from "./manager.ts";
import { keyOf } from "./objects.ts";
import type { KubeObject } from "./objects.ts";

/** What is known of one kind, whether one informer follows it or several. */
export interface Cache<T extends KubeObject> extends ManagedInformer {
  get(key: string): T | undefined;
  list(): T[];
  /** @throws Error when there is no index of that name */
  byIndex(index: string, value: string): T[];
  /** Calls back for each change; those of one object in order. */
  onChange(handler: (change: Change<T>) => void): void;
  /** Writes through what the server answered to a write of our own. */
  observe(object: T): void;
}

/**
 * Informers of one kind, each of a part of the cluster (a namespace), as one cache: for who may not list the whole
 * cluster. What is outside of the parts is not there.
 */
export class JoinedCache<T extends KubeObject> implements Cache<T> {
  readonly name: string;
  readonly #parts: ReadonlyMap<string, Informer<T>>;
  readonly #partOf: (key: string) => string;

  /**
   * @param parts the informers by the names of their parts
   * @param partOf which part an object is in, by its key
   */
  constructor(name: string, parts: ReadonlyMap<string, Informer<T>>, partOf: (key: string) => string) {
    this.name = name;
    this.#parts = parts;
    this.#partOf = partOf;
  }

  get(key: string): T | undefined {
    return this.#parts.get(this.#partOf(key))?.get(key);
  }

  list(): T[] {
    return this.#all().flatMap((part) => part.list());
  }

  byIndex(index: string, value: string): T[] {
    return this.#all().flatMap((part) => part.byIndex(index, value));
  }

  onChange(handler: (change: Change<T>) => void): void {
    for (const part of this.#all()) part.onChange(handler);
  }

  observe(object: T): void {
    this.#parts.get(this.#partOf(keyOf(object)))?.observe(object);
  }

  get synced(): boolean {
    return this.#all().every(({ synced }) => synced);
  }

  start(signal: AbortSignal): void {
    for (const part of this.#all()) part.start(signal);
  }

  async stopped(): Promise<void> {
    await Promise.all(this.#all().map((part) => part.stopped()));
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((part) => part.waitForSync(signal)));
  }

  /** Of the part that was heard of least. */
  staleForMs(): number {
    return Math.max(0, ...this.#all().map((part) => part.staleForMs()));
  }

  #all(): Informer<T>[] {
    return [...this.#parts.values()];
  }
}
