import type { Reel } from "../../../crds/index.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Condition, findCondition } from "../../runtime/conditions.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import type { Logger } from "../../runtime/logger.ts";
import { writeStatus } from "../../runtime/status.ts";
import type { Cluster } from "../cluster.ts";
import type { EventReason } from "../reasons.ts";
import { isContested } from "../devicebatch/binding-plan.ts";
import type { Inspection, ReelInspector } from "./inspector.ts";
import { isInspected, reelStatus } from "./status.ts";

export interface ReelReconcilerDeps {
  readonly cluster: Cluster;
  readonly inspector: ReelInspector;
  readonly events: Pick<EventRecorder<EventReason>, "event">;
  readonly clock: Clock;
}

/** Keeps a reel's status true: whether its manifest can be read, what is in it, and whether it is bound. */
export class ReelReconciler {
  readonly #deps: ReelReconcilerDeps;

  constructor(deps: ReelReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal, log }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, inspector, clock } = this.#deps;
    const reel = cluster.reels.cache.get(key);
    if (reel === undefined || reel.metadata.deletionTimestamp !== undefined) {
      inspector.forget(key);
      return undefined;
    }
    const binding = cluster.bindings.cache.get(key);
    const { evaluatedAt, certificateSlot } = binding?.spec ?? {};
    const inspection = this.#needed(reel)
      ? inspector.inspection(reel, evaluatedAt, certificateSlot)
      : undefined;
    const contested = binding === undefined && isContested(reel, cluster.batches.cache.byIndex("reel", key));
    const status = reelStatus({ reel, binding, inspection, contested }, new Date(clock.now()));
    const written = await writeStatus(cluster.reels.client, reel, status, signal);
    cluster.reels.cache.observe(written);
    this.#tell(reel, inspection, findCondition(status.conditions, "Ready"), log);
    if (inspection?.state !== "failed" || inspection.retryAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(0, inspection.retryAt - clock.now()) };
  }

  /**
   * A reading is trusted over restarts, for thousands of reels; not that of a ConfigMap, which is quick to
   * read and may have changed while nobody watched.
   */
  #needed(reel: Reel): boolean {
    return !isInspected(reel) || reel.spec.manifest.configMap !== undefined;
  }

  #tell(reel: Reel, inspection: Inspection | undefined, ready: Condition | undefined, log: Logger): void {
    if (ready?.reason === "ManifestChanged" || ready?.reason === "Contested") {
      const { reason, message } = ready;
      const action = reason === "Contested" ? "Bind" : "ReadManifest";
      this.#deps.events.event(reel, { type: "Warning", reason, action, message }, log);
      return;
    }
    if (inspection?.state === "failed") {
      const { reason, message } = inspection;
      this.#deps.events.event(reel, { type: "Warning", reason, action: "ReadManifest", message }, log);
    } else if (inspection?.state === "ready" && inspection.summary.refused > 0) {
      const { refused, devices } = inspection.summary;
      // Told once, though a reading is repeated.
      if (isInspected(reel) && reel.status?.quarantined?.count === refused) return;
      this.#deps.events.event(
        reel,
        {
          type: "Warning",
          reason: "Quarantined",
          action: "ReadManifest",
          message: `${refused} entries of the manifest were refused; ${devices} devices can be bound. See status.quarantined`,
        },
        log,
      );
    }
  }
}
