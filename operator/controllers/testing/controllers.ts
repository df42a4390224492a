import {
  API_VERSION,
  type CloudApi,
  type CloudApiSpec,
  type DeviceBatch,
  kinds,
  type ProvisioningLedger,
  type ReelBinding,
} from "../../../crds/index.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import type { EventInput } from "../../runtime/events.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { ManualClock } from "../../runtime/clock.ts";
import type { ReconcileContext } from "../../runtime/controller.ts";
import { cachesOf, type Cluster, watchCluster, type WatchScope } from "../cluster.ts";
import { MemoryApi } from "./memory-api.ts";

export const SHA = "a".repeat(64);

/** For tests of reconcilers: caches that follow an API server in memory, and what reconcilers are called with. */
export class ControllerRig implements Disposable {
  readonly api = new MemoryApi();
  readonly cluster: Cluster;
  readonly told: { on: string; type: string; reason: string; message: string }[] = [];
  /** The caches' clock, which stands still until it is moved. */
  readonly clock = new ManualClock();
  readonly #stop = new AbortController();

  private constructor(scope: Partial<WatchScope>) {
    const whole = { operatorNamespace: "certferry-system", ...scope };
    this.cluster = watchCluster(this.api, whole, this.clock, silentLogger);
  }

  static async start(scope: Partial<WatchScope> = {}): Promise<ControllerRig> {
    const rig = new ControllerRig(scope);
    for (const cache of cachesOf(rig.cluster)) cache.start(rig.#stop.signal);
    for (const cache of cachesOf(rig.cluster)) await cache.waitForSync(rig.#stop.signal);
    return rig;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  get context(): ReconcileContext {
    return { signal: this.#stop.signal, log: silentLogger, reconcileID: "1" };
  }

  /** What the reconcilers tell people. */
  readonly events = {
    event: (object: KubeObject, { type, reason, message }: EventInput): void => {
      this.told.push({ on: object.metadata.name, type, reason, message });
    },
  };

  azure(namespace: string, name: string, spec: Partial<CloudApiSpec> = {}): Promise<CloudApi> {
    return this.cluster.cloudApis.client.create({
      apiVersion: API_VERSION,
      kind: kinds.CloudApi.kind,
      metadata: { namespace, name },
      spec: {
        type: "Azure",
        azure: {
          interopUrl: `https://${name}.example/interop`,
          subscriptionId: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
        },
        ...spec,
      },
    });
  }

  batch(
    namespace: string,
    name: string,
    batchId: string,
    spec: Partial<DeviceBatch["spec"]> = {},
  ): Promise<DeviceBatch> {
    return this.cluster.batches.client.create({
      apiVersion: API_VERSION,
      kind: kinds.DeviceBatch.kind,
      metadata: { namespace, name },
      spec: { batchId, provisioning: "Automatic", deletionPolicy: "Retain", ...spec },
    });
  }

  binding(name: string, spec: Partial<ReelBinding["spec"]>): Promise<ReelBinding> {
    return this.cluster.bindings.client.create({
      apiVersion: API_VERSION,
      kind: kinds.ReelBinding.kind,
      metadata: { name, finalizers: ["certferry.dev/ferry"] },
      spec: {
        account: "acme",
        batchId: name,
        boundAt: "2026-01-01T00:00:00Z",
        evaluatedAt: "2026-01-01T00:00:00Z",
        manifestSha256: SHA,
        devices: 1,
        records: 1,
        ...spec,
      },
    });
  }

  ledger(
    name: string,
    reel: string,
    labels: Record<string, string>,
    spec: Partial<ProvisioningLedger["spec"]> = {},
  ): Promise<ProvisioningLedger> {
    return this.cluster.ledgers.client.create({
      apiVersion: API_VERSION,
      kind: kinds.ProvisioningLedger.kind,
      metadata: { name, labels },
      spec: {
        reel,
        account: "acme",
        target: { key: "Azure/x", type: "Azure", cloudApi: "az" },
        manifestSha256: SHA,
        chunk: { index: 0, first: 0, devices: 1 },
        format: "v1",
        data: "",
        counts: { provisioned: 1, failed: 0, pending: 0, quarantined: 0 },
        ...spec,
      },
    });
  }
}

/** Resolves when it is so. */
export async function until(isSo: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not so after ${deadlineMs} ms: ${String(isSo)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}
