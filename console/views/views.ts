import type { KubeClient } from "../../operator/runtime/client.ts";
import type { Clock, Timer } from "../../operator/runtime/clock.ts";
import { Informer } from "../../operator/runtime/informer.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";
import type { Rights } from "../people/rights.ts";
import { Problem } from "../server/problem.ts";

/** Objects of one kind in one account, or one of them by name. */
export interface Scope {
  readonly kind: ResourceKind;
  readonly account: string;
  readonly name?: string;
}

/** A cache that somebody looks at; it lives on for a while when nobody does any more. */
export interface View<T extends KubeObject> {
  list(): T[];
  /** Calls back at each change; the returned function ends that. */
  onChange(listener: () => void): () => void;
  /** @throws Problem 403 when the person may not read this any more */
  check(signal: AbortSignal): Promise<void>;
  release(): void;
}

interface Kept {
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
  readonly listeners: Set<() => void>;
  users: number;
  linger: Timer | undefined;
}

const LINGER_MS = 30_000;
const SYNC_MS = 30_000;
const MAX_VIEWS = 24;
/** Pages and requests that use them at once. */
const MAX_USERS = 60;

/**
 * The caches of one session, each listed and watched as that person: what the API server does not show them is not
 * there to be shown. A watch outlives the right to it by some minutes, so whoever reads asks for the right anew.
 */
export class Views {
  readonly #client: KubeClient;
  readonly #rights: Rights;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  #users = 0;
  #stopped = false;

  constructor(o: { client: KubeClient; rights: Rights; log: Logger; clock: Clock }) {
    this.#client = o.client;
    this.#rights = o.rights;
    this.#log = o.log;
    this.#clock = o.clock;
  }

  /**
   * Opens a view and waits until it holds all that is there. To be released.
   * @throws Problem 403, 429, 503; ApiError
   */
  async open<T extends KubeObject>(scope: Scope, signal: AbortSignal): Promise<View<T>> {
    await this.#check(scope, signal);
    const key = `${scope.kind.plural}/${scope.account}/${scope.name ?? ""}`;
    if (this.#users >= MAX_USERS) throw tooManyPages();
    const kept = this.#kept.get(key) ?? this.#start(key, scope);
    this.#users += 1;
    kept.users += 1;
    kept.linger?.cancel();
    kept.linger = undefined;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#users -= 1;
      kept.users -= 1;
      if (kept.users === 0) kept.linger = this.#clock.setTimeout(() => this.#end(key, kept), LINGER_MS);
    };
    try {
      await kept.informer.waitForSync(
        AbortSignal.any([signal, kept.stop.signal, AbortSignal.timeout(SYNC_MS)]),
      );
    } catch (error) {
      release();
      if (signal.aborted) throw error;
      throw new Problem(
        503,
        "ClusterUnreachable",
        "The cluster does not answer at present. Try again in a moment.",
      );
    }
    return {
      list: () => kept.informer.list() as T[],
      onChange: (listener) => {
        kept.listeners.add(listener);
        return () => kept.listeners.delete(listener);
      },
      check: async (inner) => await this.#check(scope, inner),
      release,
    };
  }

  /** Opens a view for as long as `work` takes. */
  async with<T extends KubeObject, R>(
    scope: Scope,
    signal: AbortSignal,
    work: (view: View<T>) => R | Promise<R>,
  ): Promise<R> {
    const view = await this.open<T>(scope, signal);
    try {
      return await work(view);
    } finally {
      view.release();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const [key, kept] of this.#kept) this.#end(key, kept);
  }

  async #check({ kind, account, name }: Scope, signal: AbortSignal): Promise<void> {
    const at = {
      group: kind.group,
      resource: kind.plural,
      namespace: account,
      ...(name === undefined ? {} : { name }),
    };
    for (const verb of ["list", "watch"]) {
      if (await this.#rights.may({ verb, ...at }, signal)) continue;
      throw new Problem(403, "Forbidden", `You may not see the ${kind.plural} of account ${account}.`);
    }
  }

  #start(key: string, { kind, account, name }: Scope): Kept {
    if (this.#stopped) throw new Problem(401, "SignedOut", "You have signed out.");
    if (this.#kept.size >= MAX_VIEWS) this.#endOneUnused();
    const informer = new Informer<KubeObject>({
      client: this.#client.resource(kind),
      namespace: account,
      ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
      clock: this.#clock,
      log: this.#log,
      transform: withoutManagedFields,
    });
    const kept: Kept = {
      informer,
      stop: new AbortController(),
      listeners: new Set(),
      users: 0,
      linger: undefined,
    };
    informer.onChange(() => {
      for (const listener of kept.listeners) listener();
    });
    informer.start(kept.stop.signal);
    this.#kept.set(key, kept);
    return kept;
  }

  #endOneUnused(): void {
    for (const [key, kept] of this.#kept) {
      if (kept.users > 0) continue;
      this.#end(key, kept);
      return;
    }
    throw tooManyPages();
  }

  #end(key: string, kept: Kept): void {
    kept.linger?.cancel();
    kept.stop.abort(new Error("nobody looks at it any more"));
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
  }
}

function tooManyPages(): Problem {
  return new Problem(429, "TooManyPages", "You have too many pages open at once. Close some.");
}

/** A third of an object, and of no use to anybody here. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _dropped, ...metadata } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}
