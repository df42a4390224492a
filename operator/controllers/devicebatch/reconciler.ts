import type { DeviceBatch, ReelBinding } from "../../../crds/index.ts";
import { WAITED_FOR_REEL } from "../../../crds/index.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventInput, EventRecorder } from "../../runtime/events.ts";
import { sameJson } from "../../runtime/json.ts";
import type { Logger } from "../../runtime/logger.ts";
import { keyOf } from "../../runtime/objects.ts";
import { writeStatus } from "../../runtime/status.ts";
import { contentRules, namespaced, reelNameOf } from "../cluster.ts";
import type { EventReason } from "../reasons.ts";
import { setFinalizer } from "../finalizer.ts";
import { Asking } from "./asking.ts";
import type { Checks } from "./checks.ts";
import { claim, type ClaimDeps } from "./claim.ts";
import { type CloudChoice, planClouds } from "./cloud-plan.ts";
import { type CloudView, patienceLeft } from "./cloud-progress.ts";
import { ledgersOf } from "./cloud-ledgers.ts";
import { DepartureNews } from "./departed.ts";
import { arrangeDepartures, type Departure } from "./departures.ts";
import { type Judged, newsOf, newsOfActivity, newsOfClaim, ThrottleNews } from "./news.ts";
import { arrangePlacements, type PlacementsDeps, requestOf } from "./placements.ts";
import { departuresVerdict } from "./departure-status.ts";
import { bindingOf, leftBehind, planRelease } from "./release.ts";
import { heldStatus, judgeBound, unboundStatus } from "./status.ts";
import { writeDelay } from "./write-pace.ts";

export interface DeviceBatchReconcilerDeps extends ClaimDeps, PlacementsDeps {
  readonly events: Pick<EventRecorder<EventReason>, "event">;
  readonly checks: Pick<Checks, "arrange" | "withdraw" | "forget">;
  /** Called with a CloudApi's key when a placement met a fault that a probe should look into. */
  readonly suspect: (cloudApi: string) => void;
  /** Numbers from 0 up to but not including 1. */
  readonly random?: () => number;
}

/** One reconcile. */
interface Run {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
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
  readonly #throttled = new ThrottleNews();
  readonly #departed = new DepartureNews();
  readonly #asking: Asking;

  constructor(deps: DeviceBatchReconcilerDeps) {
    this.#deps = deps;
    this.#asking = new Asking(deps.random);
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, clock, ferry } = this.#deps;
    const cached = cluster.batches.cache.get(key);
    if (cached === undefined) {
      this.#forget(key);
      return undefined;
    }
    const { signal } = context;
    const run: Run = { key, signal, log: context.log.child({ batch: cached.spec.batchId }) };
    if (cached.metadata.deletionTimestamp !== undefined) return this.#release(cached, run);
    // Before anything leaves or is claimed: a batch that goes must be seen going.
    let batch = await setFinalizer(cluster.batches.client, cached, true, signal);
    if (batch !== cached) cluster.batches.cache.observe(batch);

    const claimed = await claim(batch, this.#deps, signal);
    if (!("binding" in claimed)) {
      if (claimed.do === "wait" && claimed.early === true) batch = await this.#noteEarly(batch, signal);
      // One that has the reel and may not use it: its binding is to go.
      if (bindingOf(batch, cluster) !== undefined) {
        ferry.withdrawReel(reelNameOf(batch.spec.batchId));
        this.#deps.checks.withdraw(batch);
      }
      const { reason, message } = claimed;
      const state = UNBOUND_STATE[claimed.do];
      const status = unboundStatus({ batch, state, reason, message }, new Date(clock.now()));
      const waiting = await this.#write(batch, { status, reason }, run);
      // What it waits for is watched, but for the rules of the cluster's admission: thousands of waiting batches must
      // not ask again and again.
      if (reason !== "NotAllowed") return waiting;
      return waiting ?? { requeueAfterMs: this.#asking.delay(key, contentRules(cluster), clock.now()) };
    }
    this.#asking.forget(key);
    this.#tell(batch, newsOfClaim(claimed), run);
    return this.#provision(batch, claimed.binding, run);
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

  async #provision(batch: DeviceBatch, bound: ReelBinding, run: Run): Promise<ReconcileResult> {
    const { cluster, clock } = this.#deps;
    const apis = cluster.cloudApis.cache.byIndex("namespace", batch.metadata.namespace);
    const choice = planClouds(batch, bound, apis);
    const binding = await this.#recordDefault(bound, choice, run.signal);
    const names = choice.kind === "clouds" ? choice.names : [];
    const placed = arrangePlacements(batch, binding, names, this.#deps);
    const { clouds, dueIn, news } = this.#deps.checks.arrange(batch, binding, placed);
    const staying = new Set(clouds.flatMap((cloud) => cloud.ledgers.map(keyOf)));
    const departures = arrangeDepartures(batch, binding, staying, this.#deps);
    this.#settle(batch, clouds, departures);
    this.#suspectFaults(batch, [...clouds, ...departures]);
    const now = new Date(clock.now());
    const view = { batch, binding, choice, clouds, departures, request: requestOf(batch) };
    const waiting = await this.#write(batch, judgeBound(view, now), run);
    for (const each of [...news, ...this.#newsOfLeft(binding, departures, run)]) this.#tell(batch, each, run);
    const patience = [...clouds, ...departures].map(({ progress }) => patienceLeft(progress, now));
    return sooner(waiting?.requeueAfterMs, [...patience, ...dueIn]);
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

  async #release(batch: DeviceBatch, run: Run): Promise<ReconcileResult> {
    const { cluster, clock, events } = this.#deps;
    const binding = bindingOf(batch, cluster);
    if (binding !== undefined) {
      this.#deps.checks.withdraw(batch);
      const departures = arrangeDepartures(batch, binding, new Set(), this.#deps);
      const quiet = this.#settle(batch, [], departures);
      const step = planRelease(batch, departures, cluster, clock.now());
      const left = this.#newsOfLeft(binding, departures, run);
      // A namespace that is going takes no Events.
      const going = cluster.namespaces.cache.get(batch.metadata.namespace)?.metadata.deletionTimestamp;
      if (going === undefined) for (const each of left) this.#tell(batch, each, run);
      if (step.do === "hold") return this.#hold(batch, departures, run);
      // The end of what is under way enqueues this batch again; the interval is for the case that it was missed.
      if (!quiet) return { requeueAfterMs: DRAINING_MS };
      if (step.leftBehind.length > 0) {
        // About the binding, which stays: a namespace that is going takes no Events.
        const message = leftBehind(batch.metadata.namespace, step.leftBehind);
        const reason = "DevicesLeftBehind";
        events.event(binding, { type: "Warning", reason, action: "Delete", message }, run.log);
      }
      const { batch: _used, ...spec } = binding.spec;
      cluster.bindings.cache.observe(await cluster.bindings.client.update({ ...binding, spec }, run.signal));
    }
    await setFinalizer(cluster.batches.client, batch, false, run.signal);
    run.log.info("the batch is let go");
    this.#forget(run.key);
    return undefined;
  }

  #newsOfLeft(
    binding: ReelBinding,
    departures: readonly Departure[],
    { key }: Run,
  ): EventInput<EventReason>[] {
    return this.#departed.of(key, departures, ledgersOf(binding, this.#deps.cluster).own);
  }

  /** A deleted batch that waits for its devices to be taken out says how that goes. */
  async #hold(batch: DeviceBatch, departures: readonly Departure[], run: Run): Promise<ReconcileResult> {
    const { clock, events } = this.#deps;
    this.#suspectFaults(batch, departures);
    const now = new Date(clock.now());
    const { state, reason, message } = departuresVerdict(departures, now);
    if (state === "stalled") {
      events.event(batch, { type: "Warning", reason, action: "Delete", message }, run.log);
    }
    const status = heldStatus(batch, departures, now);
    const waiting = await this.#write(batch, { status, reason }, run);
    return sooner(
      Math.min(waiting?.requeueAfterMs ?? HOLDING_MS, HOLDING_MS),
      departures.map(({ progress }) => patienceLeft(progress, now)),
    );
  }

  async #write(
    batch: DeviceBatch,
    judged: Judged,
    run: Run,
  ): Promise<{ requeueAfterMs: number } | undefined> {
    const { cluster, clock } = this.#deps;
    const { key, signal } = run;
    const { status } = judged;
    if (sameJson(batch.status, status)) return undefined;
    const since = clock.now() - (this.#written.get(key) ?? -Infinity);
    const siblings = cluster.batches.cache.byIndex("namespace", batch.metadata.namespace).length;
    const wait = writeDelay(batch.status, status, since, siblings);
    if (wait > 0) return { requeueAfterMs: wait };
    const written = await writeStatus(cluster.batches.client, batch, status, signal);
    if (written.metadata.resourceVersion === batch.metadata.resourceVersion) return undefined;
    this.#written.set(key, clock.now());
    cluster.batches.cache.observe(written);
    const throttled = this.#throttled.of(key, status, clock.now());
    for (const news of [...newsOf(batch, judged), newsOfActivity(batch, status), ...throttled]) {
      this.#tell(batch, news, run);
    }
    return undefined;
  }

  #suspectFaults(batch: DeviceBatch, clouds: readonly Pick<CloudView, "name" | "progress">[]): void {
    for (const { name, progress } of clouds) {
      if (CLOUD_FAULTS.has(progress?.hindrance?.reason ?? "")) {
        this.#deps.suspect(namespaced(batch.metadata.namespace, name));
      }
    }
  }

  #tell(batch: DeviceBatch, news: EventInput<EventReason> | undefined, { log }: Run): void {
    if (news !== undefined) this.#deps.events.event(batch, news, log);
  }

  #forget(key: string): void {
    this.#written.delete(key);
    this.#throttled.forget(key);
    this.#departed.forget(key);
    this.#asking.forget(key);
    this.#deps.checks.forget(key);
  }
}

/** The earliest of the times at which to look again; 0 and undefined are none. */
function sooner(first: number | undefined, others: readonly number[]): ReconcileResult {
  const waits = [first ?? 0, ...others].filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}
