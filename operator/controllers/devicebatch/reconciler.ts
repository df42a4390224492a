import type { DeviceBatch, DeviceBatchStatus, ReelBinding } from "../../../crds/index.ts";
import { WAITED_FOR_REEL } from "../../../crds/index.ts";
import { findCondition, isConditionTrue } from "../../runtime/conditions.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import { sameJson } from "../../runtime/json.ts";
import { keyOf } from "../../runtime/objects.ts";
import { writeStatus } from "../../runtime/status.ts";
import { namespaced, reelNameOf } from "../cluster.ts";
import { setFinalizer } from "../finalizer.ts";
import { type Claim, claim, type ClaimDeps } from "./claim.ts";
import { type CloudChoice, planClouds } from "./cloud-plan.ts";
import { type CloudView, patienceLeft } from "./cloud-progress.ts";
import { arrangeDepartures, type Departure } from "./departures.ts";
import { arrangePlacements, type PlacementsDeps, requestOf } from "./placements.ts";
import { departuresVerdict } from "./departure-status.ts";
import { bindingOf, leftBehind, planRelease } from "./release.ts";
import { boundStatus, heldStatus, unboundStatus } from "./status.ts";
import { writeDelay } from "./write-pace.ts";

export interface DeviceBatchReconcilerDeps extends ClaimDeps, PlacementsDeps {
  readonly events: Pick<EventRecorder, "event">;
  /** Called with a CloudApi's key when a placement met a fault that a probe should look into. */
  readonly suspect: (cloudApi: string) => void;
}

const DRAINING_MS = 1_000;
/** A batch that is held is looked at so often whatever is told of it: it must not be forgotten. */
const HOLDING_MS = 15_000;

const UNBOUND_STATE = { progress: "progressing", wait: "retrying", refuse: "stalled" } as const;

/** Faults of a cloud, as against those of a device or of a request. */
const CLOUD_FAULTS: ReadonlySet<string> = new Set([
  "Unauthorized",
  "NameNotResolved",
  "ConnectionRefused",
  "CertificateUntrusted",
  "NotAnInteropEndpoint",
  "EgressRefused",
]);

/** Binds batches, has them provisioned into their clouds, and lets them go. */
export class DeviceBatchReconciler {
  readonly #deps: DeviceBatchReconcilerDeps;
  readonly #written = new Map<string, number>();

  constructor(deps: DeviceBatchReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, clock, ferry } = this.#deps;
    const cached = cluster.batches.cache.get(key);
    if (cached === undefined) {
      this.#written.delete(key);
      return undefined;
    }
    if (cached.metadata.deletionTimestamp !== undefined) return this.#release(key, cached, signal);
    // Before anything leaves or is claimed: a batch that goes must be seen going.
    let batch = await setFinalizer(cluster.batches.client, cached, true, signal);
    if (batch !== cached) cluster.batches.cache.observe(batch);

    const claimed = await claim(batch, this.#deps, signal);
    if (!("binding" in claimed)) {
      if (claimed.do === "wait" && claimed.early === true) batch = await this.#noteEarly(batch, signal);
      // One that has the reel and may not use it: its binding is to go.
      if (bindingOf(batch, cluster) !== undefined) ferry.withdrawReel(reelNameOf(batch.spec.batchId));
      const { reason, message } = claimed;
      const state = UNBOUND_STATE[claimed.do];
      const status = unboundStatus({ batch, state, reason, message }, new Date(clock.now()));
      // What it waits for is watched: thousands of waiting batches must not ask again and again.
      return this.#write(key, batch, status, signal);
    }
    this.#tellClaimed(batch, claimed);
    return this.#provision(key, batch, claimed.binding, signal);
  }

  /** Writes into the batch that it was there before its reel: that must outlive its status. */
  async #noteEarly(batch: DeviceBatch, signal: AbortSignal): Promise<DeviceBatch> {
    const { batches } = this.#deps.cluster;
    const { name, namespace, annotations } = batch.metadata;
    if (annotations?.[WAITED_FOR_REEL] === "true") return batch;
    const metadata = { annotations: { [WAITED_FOR_REEL]: "true" } };
    const noted = await batches.client.patch({ namespace, name }, { metadata }, { type: "merge" }, signal);
    batches.cache.observe(noted);
    return noted;
  }

  async #provision(
    key: string,
    batch: DeviceBatch,
    bound: ReelBinding,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    const { cluster, clock } = this.#deps;
    const apis = cluster.cloudApis.cache.byIndex("namespace", batch.metadata.namespace);
    const choice = planClouds(batch, bound, apis);
    const binding = await this.#recordDefault(bound, choice, signal);
    const names = choice.kind === "clouds" ? choice.names : [];
    const clouds = arrangePlacements(batch, binding, names, this.#deps);
    const staying = new Set(clouds.flatMap((cloud) => cloud.ledgers.map(keyOf)));
    const departures = arrangeDepartures(batch, binding, staying, this.#deps);
    this.#settle(batch, clouds, departures);
    this.#suspectFaults(batch, [...clouds, ...departures]);
    const now = new Date(clock.now());
    const view = { batch, binding, choice, clouds, departures, request: requestOf(batch) };
    const waiting = await this.#write(key, batch, boundStatus(view, now), signal);
    return sooner(
      waiting?.requeueAfterMs,
      [...clouds, ...departures].map(({ progress }) => patienceLeft(progress, now)),
    );
  }

  /** The choice is written down before it is acted on, so that it stays whatever becomes of the default. */
  async #recordDefault(binding: ReelBinding, choice: CloudChoice, signal: AbortSignal): Promise<ReelBinding> {
    if (choice.kind !== "clouds" || choice.record === undefined) return binding;
    const { bindings } = this.#deps.cluster;
    const spec = { ...binding.spec, defaultCloudApi: choice.record };
    const updated = await bindings.client.update({ ...binding, spec }, signal);
    bindings.cache.observe(updated);
    return updated;
  }

  /** Those who leave, and those who stay, go on; whatever else the ferry carries of this reel is wanted no more. */
  #settle(batch: DeviceBatch, clouds: readonly CloudView[], departures: readonly Departure[]): boolean {
    const wanted = [...clouds, ...departures].filter(({ obstacle }) => obstacle === undefined);
    const keys = wanted.map(({ key }) => key).filter((key) => key !== undefined);
    return this.#deps.ferry.withdrawReel(reelNameOf(batch.spec.batchId), new Set(keys));
  }

  async #release(key: string, batch: DeviceBatch, signal: AbortSignal): Promise<ReconcileResult> {
    const { cluster, clock, events } = this.#deps;
    const binding = bindingOf(batch, cluster);
    if (binding !== undefined) {
      const departures = arrangeDepartures(batch, binding, new Set(), this.#deps);
      const quiet = this.#settle(batch, [], departures);
      const step = planRelease(batch, departures, cluster, clock.now());
      if (step.do === "hold") return this.#hold(key, batch, departures, signal);
      // The end of what is under way enqueues this batch again; the interval is for the case that it was missed.
      if (!quiet) return { requeueAfterMs: DRAINING_MS };
      if (step.leftBehind.length > 0) {
        // About the binding, which stays: a namespace that is going takes no Events.
        events.event(binding, {
          type: "Warning",
          reason: "DevicesLeftBehind",
          action: "Delete",
          message: leftBehind(batch.metadata.namespace, step.leftBehind),
        });
      }
      const { batch: _used, ...spec } = binding.spec;
      cluster.bindings.cache.observe(await cluster.bindings.client.update({ ...binding, spec }, signal));
    }
    await setFinalizer(cluster.batches.client, batch, false, signal);
    this.#written.delete(key);
    return undefined;
  }

  /** A deleted batch that waits for its devices to be taken out says how that goes. */
  async #hold(
    key: string,
    batch: DeviceBatch,
    departures: readonly Departure[],
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    const { clock, events } = this.#deps;
    this.#suspectFaults(batch, departures);
    const now = new Date(clock.now());
    const verdict = departuresVerdict(departures, now);
    if (verdict.state === "stalled") {
      const { reason, message } = verdict;
      events.event(batch, { type: "Warning", reason, action: "Delete", message });
    }
    const waiting = await this.#write(key, batch, heldStatus(batch, departures, now), signal);
    return sooner(
      Math.min(waiting?.requeueAfterMs ?? HOLDING_MS, HOLDING_MS),
      departures.map(({ progress }) => patienceLeft(progress, now)),
    );
  }

  async #write(
    key: string,
    batch: DeviceBatch,
    status: DeviceBatchStatus,
    signal: AbortSignal,
  ): Promise<{ requeueAfterMs: number } | undefined> {
    const { cluster, clock } = this.#deps;
    if (sameJson(batch.status, status)) return undefined;
    const since = clock.now() - (this.#written.get(key) ?? -Infinity);
    const siblings = cluster.batches.cache.byIndex("namespace", batch.metadata.namespace).length;
    const wait = writeDelay(batch.status, status, since, siblings);
    if (wait > 0) return { requeueAfterMs: wait };
    const written = await writeStatus(cluster.batches.client, batch, status, signal);
    if (written.metadata.resourceVersion === batch.metadata.resourceVersion) return undefined;
    this.#written.set(key, clock.now());
    cluster.batches.cache.observe(written);
    this.#tellChange(batch, status);
    return undefined;
  }

  #suspectFaults(batch: DeviceBatch, clouds: readonly Pick<CloudView, "name" | "progress">[]): void {
    for (const { name, progress } of clouds) {
      if (CLOUD_FAULTS.has(progress?.hindrance?.reason ?? "")) {
        this.#deps.suspect(namespaced(batch.metadata.namespace, name));
      }
    }
  }

  #tellClaimed(
    batch: DeviceBatch,
    { binding: { spec }, how }: Extract<Claim, { binding: ReelBinding }>,
  ): void {
    if (how === "had") return;
    const message =
      how === "bound"
        ? `reel ${spec.batchId} with ${spec.devices} devices is bound to this account`
        : `reel ${spec.batchId} with ${spec.devices} devices, which this account has had since ${spec.boundAt}, is taken up; what is in a cloud already is not sent again`;
    const reason = how === "bound" ? "Bound" : "TakenUp";
    this.#deps.events.event(batch, { type: "Normal", reason, action: "Bind", message });
  }

  /** An event where the verdict changed: people read these in `kubectl describe`. */
  #tellChange(batch: DeviceBatch, status: DeviceBatchStatus): void {
    const ready = findCondition(status.conditions, "Ready");
    // What is merely under way is no news.
    if (ready === undefined || ready.status === "Unknown") return;
    if (readyReason(status) === readyReason(batch.status)) return;
    const alarming = ready.status === "False" && ready.reason !== "Suspended";
    this.#deps.events.event(batch, {
      type: alarming ? "Warning" : "Normal",
      reason: ready.reason,
      action: isConditionTrue(status.conditions, "Bound") ? "Provision" : "Bind",
      message: ready.message,
    });
  }
}

/** The earliest of the times at which to look again; 0 and undefined are none. */
function sooner(first: number | undefined, others: readonly number[]): ReconcileResult {
  const waits = [first ?? 0, ...others].filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}

function readyReason(status: DeviceBatchStatus | undefined): string | undefined {
  const ready = findCondition(status?.conditions, "Ready");
  return ready && `${ready.status} ${ready.reason}`;
}
