import type { ReelBinding } from "../../../crds/index.ts";
import type { Ferry } from "../../provisioning/ferry.ts";
import { ledgerSelector } from "../../provisioning/ledger/store.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import { type Cluster, namespaced } from "../cluster.ts";
import { setFinalizer } from "../finalizer.ts";

export interface ReelBindingReconcilerDeps {
  readonly cluster: Cluster;
  readonly ferry: Ferry;
  readonly events: EventRecorder;
}

const LOOK_AGAIN_MS = 15_000;

/**
 * Sees a deleted binding off: not while a batch uses it, and not before its ledgers are gone (they carry no
 * owner reference, see ADR 0003).
 */
export class ReelBindingReconciler {
  readonly #deps: ReelBindingReconcilerDeps;

  constructor(deps: ReelBindingReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, ferry } = this.#deps;
    const binding = cluster.bindings.cache.get(key);
    if (binding === undefined) return undefined;
    if (binding.metadata.deletionTimestamp === undefined) {
      cluster.bindings.cache.observe(await setFinalizer(cluster.bindings.client, binding, true, signal));
      return undefined;
    }
    if (this.#inUse(binding)) {
      this.#deps.events.event(binding, {
        type: "Warning",
        reason: "StillInUse",
        action: "Delete",
        message: "a DeviceBatch still uses this binding; it goes when that batch is deleted",
      });
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    // `withdrawReel` answers false while calls are under way; their end enqueues this key again.
    if (!ferry.withdrawReel(key)) return { requeueAfterMs: 1_000 };
    const { items } = await cluster.ledgers.client.list({ labelSelector: ledgerSelector(key) }, signal);
    for (const ledger of items) {
      const { name, uid } = ledger.metadata;
      await cluster.ledgers.client.delete({ name }, uid === undefined ? {} : { uid }, signal);
    }
    await setFinalizer(cluster.bindings.client, binding, false, signal);
    return undefined;
  }

  #inUse({ spec }: ReelBinding): boolean {
    if (spec.batch === undefined) return false;
    return this.#deps.cluster.batches.cache.get(namespaced(spec.account, spec.batch)) !== undefined;
  }
}
