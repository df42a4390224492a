import type { CloudApi } from "../../../crds/index.ts";
import type { InfoAnswer, InteropTarget } from "../../../interop/caller/caller.ts";
import { InteropError } from "../../../interop/caller/errors.ts";
import { SigningKeyMissing } from "../../accounts/signing-keys.ts";
import { targetOf } from "../../provisioning/target.ts";
import type { Clock } from "../../runtime/clock.ts";
import { isConditionTrue } from "../../runtime/conditions.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import { writeStatus } from "../../runtime/status.ts";
import { claimsDefault, type Cluster, namespaced } from "../cluster.ts";
import { setFinalizer } from "../finalizer.ts";
import type { CloudLink, CloudLinks } from "./links.ts";
import { endpointOf, resolve, type ResolveDeps, Unresolved } from "./resolve.ts";
import { cloudApiStatus, type Probe } from "./status.ts";

/** What probing needs of the interop caller. */
export interface Prober {
  info(target: InteropTarget, signal: AbortSignal): Promise<InfoAnswer>;
}

export interface CloudApiReconcilerDeps extends ResolveDeps {
  readonly cluster: Cluster;
  readonly links: CloudLinks;
  readonly prober: Prober;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called when a link came, went or changed: batches of the namespace want to know. */
  readonly linkChanged: (namespace: string) => void;
}

const READY_INTERVAL_MS = 60_000;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** A cloud that was ready stays so over this many passing failures in a row: it may just be busy with us. */
const PATIENCE = 3;

/** A probe that passed so recently is not repeated on suspicion. */
const SUSPECT_AFTER_MS = 10_000;

interface Memory {
  /** Of the spec that was probed. */
  generation: number;
  failures: number;
  probedAt: number;
  nextProbeAt: number;
  probe: Probe;
}

/** Probes the product clouds, says how they are, and keeps the links that the ferry uses. */
export class CloudApiReconciler {
  readonly #deps: CloudApiReconcilerDeps;
  readonly #memory = new Map<string, Memory>();

  constructor(deps: CloudApiReconcilerDeps) {
    this.#deps = deps;
  }

  /** Has the next reconcile probe at once: somebody saw the cloud misbehave. */
  suspect(key: string): void {
    const memory = this.#memory.get(key);
    if (memory?.probe.passed === true && this.#deps.clock.now() - memory.probedAt > SUSPECT_AFTER_MS) {
      memory.nextProbeAt = 0;
    }
  }

  /** Has the next reconcile probe at once: what it takes to call this cloud has changed. */
  probeAnew(key: string): void {
    const memory = this.#memory.get(key);
    if (memory !== undefined) memory.nextProbeAt = 0;
  }

  async reconcile(key: string, { signal }: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, clock } = this.#deps;
    const api = cluster.cloudApis.cache.get(key);
    if (api === undefined) {
      this.#drop(key, key.split("/")[0] ?? "");
      return undefined;
    }
    if (api.metadata.deletionTimestamp !== undefined) return this.#release(key, api, signal);
    const held = await setFinalizer(cluster.cloudApis.client, api, this.#holds(api), signal);
    if (held !== api) cluster.cloudApis.cache.observe(held);

    const probe = api.spec.suspend === true ? this.#suspend(key, api) : await this.#probe(key, api, signal);
    const status = cloudApiStatus(
      {
        api: held,
        endpoint: endpointOrNothing(api),
        probe,
        devicesProvisioned: this.#provisioned(api),
        otherDefaults: this.#otherDefaults(api),
      },
      new Date(clock.now()),
    );
    cluster.cloudApis.cache.observe(await writeStatus(cluster.cloudApis.client, held, status, signal));
    const memory = this.#memory.get(key);
    return memory === undefined
      ? undefined
      : { requeueAfterMs: Math.max(50, memory.nextProbeAt - clock.now()) };
  }

  async #probe(key: string, api: CloudApi, signal: AbortSignal): Promise<Probe> {
    const { clock, random, linkChanged, links } = this.#deps;
    const generation = api.metadata.generation ?? 0;
    const before = this.#memory.get(key);
    const same = before?.generation === generation ? before : undefined;
    if (same !== undefined && same.nextProbeAt > clock.now()) return same.probe;

    const { probe, link } = await this.#ask(api, signal);
    const failures = probe.passed ? 0 : (same?.failures ?? 0) + 1;
    const tolerated = !probe.passed && probe.transient && failures < PATIENCE && same?.probe.passed === true;
    const shown = tolerated ? same.probe : probe;
    const base = probe.passed
      ? READY_INTERVAL_MS
      : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    const nextProbeAt = clock.now() + base * (0.75 + random() / 2);
    this.#memory.set(key, { generation, failures, probedAt: clock.now(), nextProbeAt, probe: shown });

    const had = links.get(api);
    if (link !== undefined) links.set(api, link);
    else if (!tolerated) links.delete(key);
    const has = links.get(api);
    if (has === undefined) links.planTry(api, nextProbeAt);
    if ((had === undefined) !== (has === undefined)) this.#tell(api, probe);
    // Batches that wait say when the next try is.
    if (had === undefined || has === undefined) linkChanged(api.metadata.namespace);
    return shown;
  }

  async #ask(api: CloudApi, signal: AbortSignal): Promise<{ probe: Probe; link?: CloudLink }> {
    try {
      const link = await resolve(api, this.#deps, signal);
      const info = await this.#deps.prober.info(link.interop, signal);
      return { probe: { passed: true, info }, link };
    } catch (error) {
      if (error instanceof InteropError) {
        const { reason, message, transient } = error;
        return { probe: { passed: false, reason, message, transient } };
      }
      if (error instanceof Unresolved) {
        return { probe: { passed: false, reason: error.reason, message: error.message, transient: false } };
      }
      if (error instanceof SigningKeyMissing) {
        return {
          probe: { passed: false, reason: "SigningKeyMissing", message: error.message, transient: false },
        };
      }
      throw error;
    }
  }

  #suspend(key: string, api: CloudApi): undefined {
    this.#drop(key, api.metadata.namespace);
    return undefined;
  }

  #drop(key: string, namespace: string): void {
    this.#memory.delete(key);
    this.#deps.links.delete(key);
    this.#deps.linkChanged(namespace);
  }

  /** A batch that is to take devices out of this cloud needs it until they are out. */
  #holds(api: CloudApi): boolean {
    const { batches, bindings } = this.#deps.cluster;
    const { namespace } = api.metadata;
    return batches.cache.byIndex("namespace", namespace).some((batch) => {
      if (batch.spec.deletionPolicy !== "Deprovision") return false;
      const reel = batch.spec.batchId.toLowerCase();
      const binding = bindings.cache.get(reel);
      if (binding?.spec.account !== namespace || binding.spec.batch !== batch.metadata.name) return false;
      return this.#ledgersOf(api).some(
        (ledger) => ledger.spec.reel === reel && ledger.spec.counts.provisioned > 0,
      );
    });
  }

  async #release(key: string, api: CloudApi, signal: AbortSignal): Promise<ReconcileResult> {
    this.#drop(key, api.metadata.namespace);
    if (this.#holds(api)) {
      this.#deps.events.event(api, {
        type: "Warning",
        reason: "StillInUse",
        action: "Delete",
        message:
          "a batch with deletionPolicy Deprovision still has devices in this cloud; this CloudApi goes when they are out, or when the batch's policy is Retain",
      });
      return { requeueAfterMs: 30_000 };
    }
    await setFinalizer(this.#deps.cluster.cloudApis.client, api, false, signal);
    return undefined;
  }

  #ledgersOf(api: CloudApi) {
    const target = targetOf(api.spec);
    const { ledgers } = this.#deps.cluster;
    return ledgers.cache
      .byIndex("account", api.metadata.namespace)
      .filter((ledger) => ledger.spec.target.key === target?.key);
  }

  #provisioned(api: CloudApi): number {
    return this.#ledgersOf(api).reduce((sum, ledger) => sum + ledger.spec.counts.provisioned, 0);
  }

  #otherDefaults(api: CloudApi): string[] {
    if (api.spec.default !== true) return [];
    return this.#deps.cluster.cloudApis.cache
      .byIndex("namespace", api.metadata.namespace)
      .filter((other) => claimsDefault(other) && other.metadata.name !== api.metadata.name)
      .map((other) => other.metadata.name)
      .sort();
  }

  #tell(api: CloudApi, probe: Probe): void {
    if (!probe.passed) {
      const { reason, message } = probe;
      this.#deps.events.event(api, { type: "Warning", reason, action: "Probe", message });
    } else if (!isConditionTrue(api.status?.conditions, "Ready")) {
      const message = `${endpointOrNothing(api) ?? namespaced(api.metadata.namespace, api.metadata.name)} answered`;
      this.#deps.events.event(api, { type: "Normal", reason: "Connected", action: "Probe", message });
    }
  }
}

function endpointOrNothing(api: CloudApi): string | undefined {
  try {
    return endpointOf(api);
  } catch {
    return undefined;
  }
}
