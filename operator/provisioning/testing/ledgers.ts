import { kinds, type ProvisioningLedger } from "../../../crds/index.ts";
import { ApiError } from "../../runtime/api-error.ts";
import type { ResourceClient } from "../../runtime/client.ts";
import { parseKey } from "../../runtime/objects.ts";

/** One write of a ledger, as the API server would have seen it. */
export interface LedgerWrite {
  readonly object: ProvisioningLedger;
  readonly bytes: number;
}

/** For tests on a clock of their own: the ledgers of an API server, with its rules for names and versions. */
export class MemoryLedgers {
  readonly writes: LedgerWrite[] = [];
  /** How often ledgers were listed. */
  lists = 0;
  /** Called before each write; what it throws is what the server answers. */
  beforeWrite: (object: ProvisioningLedger) => void | Promise<void> = () => undefined;
  readonly #objects = new Map<string, ProvisioningLedger>();
  #version = 0;

  readonly client: ResourceClient<ProvisioningLedger> = {
    kind: kinds.ProvisioningLedger,
    get: (key) => {
      const object = this.#objects.get(key.name);
      if (object === undefined)
        return Promise.reject(new ApiError("not found", { status: 404, reason: "NotFound" }));
      return Promise.resolve(structuredClone(object));
    },
    find: (key) => Promise.resolve(structuredClone(this.#objects.get(key.name))),
    list: (options) => {
      this.lists += 1;
      const wanted = (options?.labelSelector ?? "").split(",").map((term) => term.split("="));
      const items = [...this.#objects.values()].filter(({ metadata }) =>
        wanted.every(([name = "", value]) => metadata.labels?.[name] === value),
      );
      return Promise.resolve({ items: structuredClone(items), resourceVersion: String(this.#version) });
    },
    create: (object, signal) => this.#write(object, "create", signal),
    update: (object, signal) => this.#write(object, "update", signal),
    updateStatus: () => Promise.reject(new Error("a ledger has no status")),
    patch: () => Promise.reject(new Error("ledgers are not patched")),
    delete: async (key, options) => {
      const existing = this.#objects.get(key.name);
      if (existing === undefined) return;
      await this.beforeWrite(existing);
      const { resourceVersion } = existing.metadata;
      if (options?.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
        throw new ApiError(`${key.name} has changed`, { status: 409, reason: "Conflict" });
      }
      this.#objects.delete(key.name);
    },
    watch: () => Promise.reject(new Error("nobody watches here")),
  };

  get(name: string): ProvisioningLedger | undefined {
    return this.#objects.get(parseKey(name).name);
  }

  list(): ProvisioningLedger[] {
    return [...this.#objects.values()];
  }

  /** Somebody else deletes an object, whatever happens to the API server's other clients. */
  drop(name: string): void {
    this.#objects.delete(name);
  }

  /** Somebody else changes an object. */
  meddle(name: string): void {
    const object = this.#objects.get(name);
    if (object === undefined) throw new Error(`there is no ledger ${name}`);
    this.#version += 1;
    this.#objects.set(name, {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    });
  }

  async #write(
    object: ProvisioningLedger,
    how: "create" | "update",
    signal: AbortSignal | undefined,
  ): Promise<ProvisioningLedger> {
    signal?.throwIfAborted();
    await this.beforeWrite(object);
    signal?.throwIfAborted();
    const { name, resourceVersion } = object.metadata;
    const existing = this.#objects.get(name);
    if (how === "create" && existing !== undefined) {
      throw new ApiError(`${name} exists`, { status: 409, reason: "AlreadyExists" });
    }
    if (how === "update" && existing === undefined) {
      throw new ApiError(`${name} not found`, { status: 404, reason: "NotFound" });
    }
    if (how === "update" && resourceVersion !== existing?.metadata.resourceVersion) {
      throw new ApiError(`${name} has changed`, { status: 409, reason: "Conflict" });
    }
    this.#version += 1;
    const written = {
      ...structuredClone(object),
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    };
    this.#objects.set(name, written);
    this.writes.push({ object: written, bytes: Buffer.byteLength(JSON.stringify(object)) });
    return structuredClone(written);
  }
}
