import type { CloudApi } from "../../../crds/index.ts";
import { targetOf } from "../../provisioning/target.ts";
import type { Clock } from "../../runtime/clock.ts";
import { findCondition } from "../../runtime/conditions.ts";
import type { ReconcileContext, ReconcileResult } from "../../runtime/controller.ts";
import type { EventRecorder } from "../../runtime/events.ts";
import type { Logger } from "../../runtime/logger.ts";
import { parseKey } from "../../runtime/objects.ts";
import { writeStatus } from "../../runtime/status.ts";
import { claimsDefault, type Cluster, namespaced, reelNameOf } from "../cluster.ts";
import type { EventReason } from "../reasons.ts";
import { setFinalizer } from "../finalizer.ts";
import type { Probes } from "./probes.ts";
import { endpointOf } from "./resolve.ts";
import { cloudApiStatus, heldStatus, type Probe } from "./status.ts";

export interface CloudApiReconcilerDeps {
  readonly cluster: Cluster;
  readonly probes: Probes;
  readonly events: Pick<EventRecorder<EventReason>, "event">;
  readonly clock: Clock;
}

type Run = Pick<ReconcileContext, "signal" | "log">;

/** Has the product clouds probed, and says how they are. */
export class CloudApiReconciler {
  readonly #deps: CloudApiReconcilerDeps;

  constructor(deps: CloudApiReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult> {
    const { cluster, clock, probes } = this.#deps;
    const { signal } = context;
    const log = context.log.child({ cloud: parseKey(key).name });
    const api = cluster.cloudApis.cache.get(key);
    if (api === undefined) {
      probes.drop(key);
      return undefined;
    }
    if (api.metadata.deletionTimestamp !== undefined) return this.#release(key, api, { signal, log });
    const held = await setFinalizer(cluster.cloudApis.client, api, this.#holders(api).length > 0, signal);
    if (held !== api) cluster.cloudApis.cache.observe(held);

    const suspended = api.spec.suspend === true;
    if (suspended) probes.drop(key);
    const state = suspended ? undefined : probes.look(api);
    // What the status says holds until there is something to say; the probe's end enqueues this key.
    if (state?.probe !== undefined || suspended) await this.#write(held, state?.probe, { signal, log });
    if (state?.nextProbeAt === undefined) return undefined;
    return { requeueAfterMs: Math.max(50, state.nextProbeAt - clock.now()) };
  }

  async #write(api: CloudApi, probe: Probe | undefined, { signal, log }: Run): Promise<void> {
    const { cluster, clock } = this.#deps;
    const status = cloudApiStatus(
      {
        api,
        endpoint: endpointOrNothing(api),
        probe,
        devicesProvisioned: this.#provisioned(api),
        otherDefaults: this.#otherDefaults(api),
      },
      new Date(clock.now()),
    );
    cluster.cloudApis.cache.observe(await writeStatus(cluster.cloudApis.client, api, status, signal));
    const before = findCondition(api.status?.conditions, "Ready");
    const now = findCondition(status.conditions, "Ready");
    if (before?.status !== now?.status || before?.reason !== now?.reason) this.#tell(api, probe, log);
  }

  /**
   * The batches that are to take devices out of this cloud, which need it until they are out; in the order of
   * their names. Where the cloud can do that, the ledger goes with the last device; until then it may be in even
   * if it was never answered for.
   */
  #holders(api: CloudApi): string[] {
    const { batches, bindings } = this.#deps.cluster;
    const { namespace } = api.metadata;
    const there = new Set<string>();
    const able = api.status?.capabilities?.includes("deprovision") === true;
    for (const { spec } of this.#ledgersOf(api)) {
      if (able || spec.counts.provisioned + (spec.counts.leaving ?? 0) > 0) there.add(spec.reel);
    }
    if (there.size === 0) return [];
    const holding = batches.cache.byIndex("namespace", namespace).filter((batch) => {
      if (batch.spec.deletionPolicy !== "Deprovision") return false;
      const reel = reelNameOf(batch.spec.batchId);
      if (!there.has(reel)) return false;
      const binding = bindings.cache.get(reel);
      return binding?.spec.account === namespace && binding.spec.batch === batch.metadata.name;
    });
    return holding.map(({ metadata }) => metadata.name).sort();
  }

  async #release(key: string, api: CloudApi, { signal, log }: Run): Promise<ReconcileResult> {
    const { probes, events, cluster, clock } = this.#deps;
    const holders = this.#holders(api);
    if (holders.length > 0) {
      // Devices are taken out through it, so it must be known to answer.
      if (api.spec.suspend === true) probes.drop(key);
      const known = api.spec.suspend === true ? undefined : probes.look(api);
      const cannot = known?.probe?.passed === false ? `. ${known.probe.reason}: ${known.probe.message}` : "";
      const reason = "StillInUse";
      const message = `${heldBy(holders, api.metadata.namespace)}${cannot}`;
      events.event(api, { type: "Warning", reason, action: "Delete", message }, log);
      const { cloudApis } = cluster;
      const status = heldStatus(api, reason, message, new Date(clock.now()));
      cloudApis.cache.observe(await writeStatus(cloudApis.client, api, status, signal));
      return {
        requeueAfterMs: Math.min(30_000, Math.max(50, (known?.nextProbeAt ?? Infinity) - clock.now())),
      };
    }
    probes.drop(key);
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

  /** Tells people of a verdict that is not the last one. */
  #tell(api: CloudApi, probe: Probe | undefined, log: Logger): void {
    if (probe?.passed === false) {
      const { reason, message } = probe;
      this.#deps.events.event(api, { type: "Warning", reason, action: "Probe", message }, log);
    } else if (probe !== undefined) {
      const message = `${endpointOrNothing(api) ?? namespaced(api.metadata.namespace, api.metadata.name)} answered`;
      this.#deps.events.event(api, { type: "Normal", reason: "Connected", action: "Probe", message }, log);
    }
  }
}

function heldBy([first = "", ...others]: readonly string[], namespace: string): string {
  const who =
    others.length === 0
      ? `batch ${first} with deletionPolicy Deprovision has`
      : `${others.length + 1} batches (${first} and ${others.length} more) with deletionPolicy Deprovision have`;
  return `${who} devices in this cloud, and it goes when they are out. Take its name out of the batch's spec.cloudApis, or delete the batch (\`kubectl delete batch ${first} -n ${namespace}\`); or leave the devices there and set the batch's deletionPolicy to Retain`;
}

function endpointOrNothing(api: CloudApi): string | undefined {
  try {
    return endpointOf(api);
  } catch {
    return undefined;
  }
}
