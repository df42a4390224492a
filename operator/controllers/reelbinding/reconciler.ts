import type { ReelBinding } from "../../../crds/index.ts";
import type { Ferry } from "../../provisioning/ferry.ts";
import { ledgerSelector } from "../../provisioning/ledger/store.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import { type Cluster, isForReel, namespaced } from "../cluster.ts";
import type { EventReason } from "../reasons.ts";
import { setFinalizer } from "../finalizer.ts";

export interface ReelBindingReconcilerDeps {
  readonly cluster: Cluster;
  readonly ferry: Pick<Ferry, "withdrawReel">;
  readonly events: Pick<EventRecorder<EventReason>, "event">;
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

  async reconcile(key: string, { signal, log }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, ferry } = this.#deps;
    const binding = cluster.bindings.cache.get(key);
    if (binding === undefined) return undefined;
    if (binding.metadata.deletionTimestamp === undefined) {
      const held = await setFinalizer(cluster.bindings.client, binding, true, signal);
      if (held !== binding) cluster.bindings.cache.observe(held);
      return this.#freeOfVanished(held, signal);
    }
    if (binding.spec.batch !== undefined && !cluster.serves(binding.spec.account)) {
      this.#deps.events.event(
        binding,
        {
          type: "Warning",
          reason: "AccountNotServed",
          action: "Delete",
          message: `account ${binding.spec.account}, whose DeviceBatch ${binding.spec.batch} may still use this binding, is not served by this operator (--watch-namespace), so the binding is kept. Serve the account again, or delete the batch and take spec.batch out here`,
        },
        log,
      );
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    if (this.#inUse(binding)) {
      this.#deps.events.event(
        binding,
        {
          type: "Warning",
          reason: "StillInUse",
          action: "Delete",
          message: "a DeviceBatch still uses this binding; it goes when that batch is deleted",
        },
        log,
      );
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    // `withdrawReel` answers false while calls are under way; their end enqueues this key again.
    if (!ferry.withdrawReel(key)) return { requeueAfterMs: 1_000 };
    const { items } = await cluster.ledgers.client.list({ labelSelector: ledgerSelector(key) }, signal);
    // The label is for people to select by, and may have been taken off; the list has what the cache has not yet.
    const unlabelled = cluster.ledgers.cache
      .byIndex("reel", key)
      .filter((cached) => !items.some(({ metadata }) => metadata.name === cached.metadata.name));
    for (const ledger of [...items, ...unlabelled]) {
      const { name, uid } = ledger.metadata;
      await cluster.ledgers.client.delete({ name }, uid === undefined ? {} : { uid }, signal);
    }
    // The reel may be bound anew in the next moment, and must not be judged by ledgers of its past: it goes
    // when this process has heard that they are gone. Their deletion enqueues this key again.
    if (cluster.ledgers.cache.byIndex("reel", key).length > 0) return { requeueAfterMs: LOOK_AGAIN_MS };
    await setFinalizer(cluster.bindings.client, binding, false, signal);
    log.info({ account: binding.spec.account, batch: binding.spec.batchId }, "the reel is released");
    return undefined;
  }

  /** A batch that vanished without letting go (its finalizer was taken off by hand) must not hold the reel. */
  async #freeOfVanished(binding: ReelBinding, signal: AbortSignal): Promise<ReconcileResult> {
    const { batch, ...spec } = binding.spec;
    if (batch === undefined || this.#inUse(binding)) return undefined;
    // Of an account that this operator does not serve it sees no batch, whether there is one or not.
    if (!this.#deps.cluster.serves(spec.account)) return undefined;
    const { name } = binding.metadata;
    const { batches, bindings } = this.#deps.cluster;
    const there = await batches.client.find({ namespace: spec.account, name: batch }, signal);
    if (isForReel(there, name)) return undefined;
    // Whoever takes the reel up next must not share it with a ferry that still sends for the batch that is gone.
    if (!this.#deps.ferry.withdrawReel(name)) return { requeueAfterMs: 1_000 };
    bindings.cache.observe(await bindings.client.update({ ...binding, spec }, signal));
    return undefined;
  }

  #inUse({ metadata, spec }: ReelBinding): boolean {
    if (spec.batch === undefined) return false;
    const holder = this.#deps.cluster.batches.cache.get(namespaced(spec.account, spec.batch));
    return isForReel(holder, metadata.name);
  }
}
