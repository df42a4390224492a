import type { Namespace } from "../../accounts/core-kinds.ts";
import { type AccountKey, SigningKeyMissing, type SigningKeys } from "../../accounts/signing-keys.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import type { EventReason } from "../reasons.ts";
import type { CloudLinks } from "../cloudapi/links.ts";
import { type Cluster, isAccount, keyRotationOf } from "../cluster.ts";

export interface AccountReconcilerDeps {
  readonly cluster: Cluster;
  readonly keys: Pick<SigningKeys, "ensure" | "promote">;
  readonly links: Pick<CloudLinks, "get">;
  readonly events: Pick<EventRecorder<EventReason>, "event">;
  /** Called when an account's key was lost, found again or replaced: its clouds are to be asked anew. */
  readonly keyChanged: (account: string) => void;
}

/** How often a published key is looked after, a lost one looked for, and a rotation under way looked at. */
const INTERVAL_MS = 2 * 3_600_000;
const MISSING_INTERVAL_MS = 30_000;
const ROTATING_INTERVAL_MS = 30_000;

/** Gives each account (a namespace) its signing key, publishes the public half there, and rotates it when asked. */
export class AccountReconciler {
  readonly #deps: AccountReconcilerDeps;
  readonly #missing = new Set<string>();
  /** The key IDs that were seen last, by account. */
  readonly #kids = new Map<string, string>();

  constructor(deps: AccountReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal, log }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, keys, events } = this.#deps;
    const namespace = cluster.namespaces.cache.get(key);
    const gone = namespace === undefined || namespace.metadata.deletionTimestamp !== undefined;
    if (gone || !this.#isAccount(namespace)) {
      this.#missing.delete(key);
      this.#kids.delete(key);
      return undefined;
    }
    try {
      const own = await keys.ensure(key, signal, keyRotationOf(namespace));
      const found = this.#missing.delete(key);
      if (this.#note(key, own) || found) this.#deps.keyChanged(key);
      return own.next === undefined
        ? { requeueAfterMs: INTERVAL_MS }
        : await this.#rotate(namespace, own, own.next.kid, { signal, log });
    } catch (error) {
      if (!(error instanceof SigningKeyMissing)) throw error;
      const { message } = error;
      if (!this.#missing.has(key)) this.#deps.keyChanged(key);
      this.#missing.add(key);
      events.event(
        namespace,
        {
          type: "Warning",
          reason: "SigningKeyMissing",
          action: "PublishKey",
          message,
        },
        log,
      );
      return { requeueAfterMs: MISSING_INTERVAL_MS };
    }
  }

  /** @returns whether the keys are others than those that were seen before. */
  #note(account: string, { kid, next }: AccountKey): boolean {
    const now = `${kid} ${next?.kid ?? ""}`;
    const before = this.#kids.get(account) ?? now;
    this.#kids.set(account, now);
    return before !== now;
  }

  /** The key before goes when no cloud needs it any more. */
  async #rotate(
    namespace: Namespace,
    own: AccountKey,
    next: string,
    { signal, log }: Pick<ReconcileContext, "signal" | "log">,
  ): Promise<ReconcileResult> {
    const { events, keys } = this.#deps;
    const account = namespace.metadata.name;
    const waiting = this.#waitingFor(account, next);
    if (waiting.length > 0) {
      const message = `the account's next signing key is published beside the present one (ConfigMap certferry-jwks): give both to its clouds. Not yet accepted through ${waiting.join(", ")}`;
      events.event(
        namespace,
        {
          type: "Normal",
          reason: "KeyRotationWaiting",
          action: "RotateKey",
          message,
        },
        log,
      );
      return { requeueAfterMs: ROTATING_INTERVAL_MS };
    }
    this.#note(account, await keys.promote(account, next, signal));
    events.event(
      namespace,
      {
        type: "Normal",
        reason: "KeyRotated",
        action: "RotateKey",
        message: `all clouds of the account accept signing key ${next}; key ${own.kid} is gone, and its clouds need it no more`,
      },
      log,
    );
    this.#deps.keyChanged(account);
    return { requeueAfterMs: INTERVAL_MS };
  }

  /** CloudApis whose cloud is not known to accept the next key; a word for it where the account has none. */
  #waitingFor(account: string, next: string): string[] {
    const signed = this.#deps.cluster.cloudApis.cache
      .byIndex("namespace", account)
      .filter(({ spec }) => spec.other === undefined);
    if (signed.length === 0) return ["any CloudApi (there is none)"];
    return signed
      .filter((api) => this.#deps.links.get(api)?.kid !== next)
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  /** Labelled as an account, or has a Certferry object. */
  #isAccount(namespace: Namespace): boolean {
    const { cloudApis, batches } = this.#deps.cluster;
    const { name } = namespace.metadata;
    return (
      isAccount(namespace) ||
      cloudApis.cache.byIndex("namespace", name).length > 0 ||
      batches.cache.byIndex("namespace", name).length > 0
    );
  }
}
