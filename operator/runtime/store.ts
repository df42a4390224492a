import { keyOf } from "./objects.ts";
import type { KubeObject } from "./objects.ts";

/** Under which values of an index an object is found. */
export type IndexFunction<T> = (object: T) => string[];

/** Objects by key and by indexes. What it hands out is what it holds: to be read, not changed. */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #functions: ReadonlyMap<string, IndexFunction<T>>;
  /** index → value → keys; a key by itself where it is the only one: most are, and a set takes 200 bytes. */
  readonly #indexes = new Map<string, Map<string, string | Set<string>>>();

  constructor(indexes: Record<string, IndexFunction<T>> = {}) {
    this.#functions = new Map(Object.entries(indexes));
    for (const name of this.#functions.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  values(): T[] {
    return [...this.#objects.values()];
  }

  /** @throws Error when there is no index of that name */
  byIndex(index: string, value: string): T[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new Error(`there is no index ${index}`);
    const found: T[] = [];
    const keys = values.get(value) ?? [];
    for (const key of typeof keys === "string" ? [keys] : keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  set(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined) this.#unindex(key, before);
    this.#objects.set(key, object);
    for (const [name, of] of this.#functions) {
      const values = this.#indexes.get(name);
      for (const value of of(object)) {
        const keys = values?.get(value);
        if (keys === undefined) values?.set(value, key);
        else if (typeof keys !== "string") keys.add(key);
        else if (keys !== key) values?.set(value, new Set([keys, key]));
      }
    }
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#unindex(key, before);
    this.#objects.delete(key);
  }

  #unindex(key: string, object: T): void {
    for (const [name, of] of this.#functions) {
      const values = this.#indexes.get(name);
      for (const value of of(object)) {
        const keys = values?.get(value);
        if (typeof keys === "object") keys.delete(key);
        if (keys === key || (typeof keys === "object" && keys.size === 0)) values?.delete(value);
      }
    }
  }
}
