import { SigningKeyMissing, type SigningKeys } from "../../accounts/signing-keys.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import type { Cluster } from "../cluster.ts";

export interface AccountReconcilerDeps {
  readonly cluster: Cluster;
  readonly keys: SigningKeys;
  readonly events: EventRecorder;
}

/** How often a published key is looked after, and a lost one looked for. */
const INTERVAL_MS = 300_000;
const MISSING_INTERVAL_MS = 30_000;

/** Gives each account (a namespace) its signing key, and publishes the public half there. */
export class AccountReconciler {
  readonly #deps: AccountReconcilerDeps;

  constructor(deps: AccountReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, keys, events } = this.#deps;
    const namespace = cluster.namespaces.cache.get(key);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return undefined;
    if (!this.#isAccount(key)) return undefined;
    try {
      await keys.ensure(key, signal);
    } catch (error) {
      if (!(error instanceof SigningKeyMissing)) throw error;
      const { message } = error;
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
  #isAccount(name: string): boolean {
    const { namespaces, cloudApis, batches } = this.#deps.cluster;
    return (
      namespaces.cache.byIndex("account", "labelled").some(({ metadata }) => metadata.name === name) ||
      cloudApis.cache.byIndex("namespace", name).length > 0 ||
      batches.cache.byIndex("namespace", name).length > 0
    );
  }
}
