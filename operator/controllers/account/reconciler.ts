import { SigningKeyMissing, type SigningKeys } from "../../accounts/signing-keys.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import type { Namespace } from "../../accounts/core-kinds.ts";
import { type Cluster, isAccount } from "../cluster.ts";

export interface AccountReconcilerDeps {
  readonly cluster: Cluster;
  readonly keys: Pick<SigningKeys, "ensure">;
  readonly events: Pick<EventRecorder, "event">;
  /** Called when an account's key was lost, found again or replaced: its clouds are to be asked anew. */
  readonly keyChanged: (account: string) => void;
}

/** How often a published key is looked after, and a lost one looked for. */
const INTERVAL_MS = 2 * 3_600_000;
const MISSING_INTERVAL_MS = 30_000;

/** Gives each account (a namespace) its signing key, and publishes the public half there. */
export class AccountReconciler {
  readonly #deps: AccountReconcilerDeps;
  readonly #missing = new Set<string>();
  /** The key IDs that were seen last, by account. */
  readonly #kids = new Map<string, string>();

  constructor(deps: AccountReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, keys, events } = this.#deps;
    const namespace = cluster.namespaces.cache.get(key);
    const gone = namespace === undefined || namespace.metadata.deletionTimestamp !== undefined;
    if (gone || !this.#isAccount(namespace)) {
      this.#missing.delete(key);
      this.#kids.delete(key);
      return undefined;
    }
    try {
      const { kid } = await keys.ensure(key, signal);
      const replaced = (this.#kids.get(key) ?? kid) !== kid;
      this.#kids.set(key, kid);
      if (this.#missing.delete(key) || replaced) this.#deps.keyChanged(key);
    } catch (error) {
      if (!(error instanceof SigningKeyMissing)) throw error;
      const { message } = error;
      if (!this.#missing.has(key)) this.#deps.keyChanged(key);
      this.#missing.add(key);
      events.event(namespace, {
        type: "Warning",
        reason: "SigningKeyMissing",
        action: "PublishKey",
        message,
      });
      return { requeueAfterMs: MISSING_INTERVAL_MS };
    }
    return { requeueAfterMs: INTERVAL_MS };
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
