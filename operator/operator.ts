import type { KubeConfig } from "@kubernetes/client-node";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { InteropCaller } from "../interop/caller/caller.ts";
import { EgressPolicy } from "../interop/egress/policy.ts";
import { CONFIG_MAP, type ConfigMap, SECRET, type Secret } from "./accounts/core-kinds.ts";
import { readManifestConfigMap, readManifestSecret } from "./controllers/reel/manifest-access.ts";
import { SigningKeys } from "./accounts/signing-keys.ts";
import packageJson from "../package.json" with { type: "json" };
import { AccountReconciler } from "./controllers/account/reconciler.ts";
import { CloudLinks } from "./controllers/cloudapi/links.ts";
import { Probes } from "./controllers/cloudapi/probes.ts";
import { CloudApiReconciler } from "./controllers/cloudapi/reconciler.ts";
import { cachesOf, watchCluster } from "./controllers/cluster.ts";
import { Checks } from "./controllers/devicebatch/checks.ts";
import { DeviceBatchReconciler } from "./controllers/devicebatch/reconciler.ts";
import { ReelInspector } from "./controllers/reel/inspector.ts";
import { ReelReconciler } from "./controllers/reel/reconciler.ts";
import { ReelBindingReconciler } from "./controllers/reelbinding/reconciler.ts";
import type { EventReason } from "./controllers/reasons.ts";
import { batchesOfAccount, batchesOfReel, type Queues, wire } from "./controllers/wiring.ts";
import { ManifestStore, openArchive } from "./manifests/index.ts";
import { OperatorMetrics } from "./metrics/metrics.ts";
import { metricsServer } from "./metrics/server.ts";
import type { OperatorOptions } from "./options.ts";
import { ByteBudget } from "./provisioning/byte-budget.ts";
import { Ferry } from "./provisioning/ferry.ts";
import { LedgerStore } from "./provisioning/ledger/store.ts";
import { ReelContents } from "./provisioning/reel-contents.ts";
import { Surveys } from "./provisioning/survey/surveys.ts";
import { KubeClient } from "./runtime/client.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { Controller, type ControllerOptions } from "./runtime/controller.ts";
import { EventRecorder } from "./runtime/events.ts";
import { HealthServer } from "./runtime/health.ts";
import { LeaderElector, LeaseLost } from "./runtime/leader.ts";
import type { LevelSwitch, Logger } from "./runtime/logger.ts";
import { Manager } from "./runtime/manager.ts";
import { keyOf, parseKey } from "./runtime/objects.ts";

const LEASE_NAME = "certferry-operator";
/** The lease's renew deadline: past it another process may think that it leads. */
const LEASE_FRESH_MS = 10_000;
const COMPONENT = "certferry.dev/operator";
/** All ledger writes of an operator together: 64 KiB/s, and a burst for what ends at once. */
const LEDGER_BYTES_PER_SECOND = 64 * 1024;
const LEDGER_BURST_BYTES = 512 * 1024;
/** Manifests that are kept on disk; a million certificates are about 1 GB. */
const CACHE_BYTES = 8 * 1024 ** 3;
const FERRY_GRACE_MS = 10_000;
/** What runs, for metrics: the image says so in its environment. */
const BUILD = { version: packageJson.version, revision: process.env["CERTFERRY_REVISION"] };

export interface OperatorParts {
  /** Where manifests are kept; of this process alone. */
  readonly dataDir: string;
  readonly kubeConfig: KubeConfig;
  readonly options: OperatorOptions;
  readonly log: Logger;
  /** How much `log` says: served and changed beside the health checks. */
  readonly logLevel?: LevelSwitch;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Puts the operator's parts together. The only place that knows all of them. */
export function createOperator({ kubeConfig, options, dataDir, log, ...injected }: OperatorParts): Manager {
  const clock = injected.clock ?? systemClock;
  const random = injected.random ?? Math.random;
  const identity = `${hostname()}_${randomUUID()}`;
  // Without election there is one operator by declaration.
  const mayAct = (): boolean => elector?.renewedWithin(LEASE_FRESH_MS) ?? true;
  const metrics = new OperatorMetrics({ ...BUILD, lease: LEASE_NAME });
  const client = new KubeClient(kubeConfig, {
    requestTimeoutMs: options.requestTimeoutMs,
    clock,
    mayWrite: mayAct,
    onAnswer: (method, status) => metrics.runtime.requested(method, status),
  });
  const events = new EventRecorder<EventReason>({
    client,
    component: COMPONENT,
    instance: identity,
    clock,
    log,
    onOutcome: (outcome) => metrics.runtime.event(outcome),
  });
  const secrets = client.resource<Secret>(SECRET);
  const configMaps = client.resource<ConfigMap>(CONFIG_MAP);
  const { operatorNamespace: namespace } = options;

  const egress = new EgressPolicy({
    allowCidrs: options.egressAllowCidrs,
    clusterCidrs: options.clusterCidrs,
  });
  const caller = new InteropCaller({
    egress,
    userAgent: "certferry",
    ...(options.cloudDeadlineMs === undefined ? {} : { deadlineMs: options.cloudDeadlineMs }),
  });
  const keys = new SigningKeys({ secrets, configMaps, namespace, clock });
  const store = new ManifestStore({
    limits: { maxContentBytes: options.maxManifestBytes },
    dir: dataDir,
    maxBytes: CACHE_BYTES,
    maxManifestBytes: options.maxManifestBytes,
    ...(options.manifestRoot === undefined ? {} : { fileRoot: options.manifestRoot }),
    ...(options.manifestArchive === undefined
      ? {}
      : { archive: openArchive(options.manifestArchive, anywhere(), process.env) }),
    archiveFailed: (sha256, err) =>
      log.warn({ err, sha256 }, "the archive of manifests failed; it is tried again"),
    readConfigMap: readManifestConfigMap(configMaps, namespace),
    readSecret: readManifestSecret(secrets, namespace),
    egress,
    clock,
  });
  const contents = new ReelContents(store, { maxContentBytes: options.maxManifestBytes });
  const cluster = watchCluster(
    client,
    { operatorNamespace: namespace, namespaces: options.watchNamespaces },
    clock,
    log,
  );
  const links = new CloudLinks();
  const elector = options.leaderElect
    ? new LeaderElector({ client, namespace, name: LEASE_NAME, identity, clock, log })
    : undefined;

  const inspector = new ReelInspector({
    contents,
    clock,
    log,
    changed: (reel) => {
      queues.reel(reel);
      batchesOfReel(cluster, queues, reel);
    },
  });
  const ferry = new Ferry({
    caller,
    contents,
    store: new LedgerStore(
      cluster.ledgers.client,
      new ByteBudget(LEDGER_BYTES_PER_SECOND, LEDGER_BURST_BYTES, clock),
      (ledger) => cluster.ledgers.cache.observe(ledger),
      metrics.clouds,
    ),
    observer: metrics.clouds,
    clock,
    random,
    log,
    mayAct,
    changed: (placement) => {
      const reel = placement.split("/")[0] ?? "";
      queues.binding(reel);
      batchesOfReel(cluster, queues, reel);
    },
  });
  const surveys = new Surveys({
    caller,
    contents,
    lane: (round) => ferry.lane(round),
    observer: metrics.clouds,
    clock,
    random,
    log,
    mayAct,
    changed: (placement) => batchesOfReel(cluster, queues, placement.split("/")[0] ?? ""),
  });

  const probes = new Probes({
    links,
    prober: caller,
    secrets,
    keys,
    clock,
    random,
    log,
    ended: (key) => {
      queues.cloudApi(key);
      const { namespace: account = "" } = parseKey(key);
      // The rotation may have waited for what this cloud accepts.
      if (keys.isRotating(account)) queues.account(account);
    },
    linkChanged: (account) => batchesOfAccount(cluster, queues, account),
    probed: (probed) => metrics.clouds.probed(probed),
  });
  const cloudApi = new CloudApiReconciler({ cluster, probes, events, clock });
  const batch = new DeviceBatchReconciler({
    cluster,
    inspector,
    links,
    ferry,
    events,
    clock,
    checks: new Checks({ cluster, surveys, clock, everyMs: options.checkEveryMs }),
    suspect: (key) => {
      probes.suspect(key);
      queues.cloudApi(key);
    },
  });
  const reel = new ReelReconciler({ cluster, inspector, events, clock });
  const binding = new ReelBindingReconciler({
    cluster,
    ferry: {
      withdrawReel: (name, keep) => {
        surveys.withdrawReel(name, keep);
        return ferry.withdrawReel(name, keep);
      },
    },
    events,
  });
  const account = new AccountReconciler({
    cluster,
    keys,
    links,
    events,
    keyChanged: (name) => {
      for (const api of cluster.cloudApis.cache.byIndex("namespace", name)) {
        probes.anew(keyOf(api));
        queues.cloudApi(keyOf(api));
      }
    },
  });

  function controller(name: string, workers: number, reconcile: ControllerOptions["reconcile"]): Controller {
    const made = new Controller({
      name,
      workers,
      reconcile,
      clock,
      log,
      onOutcome: (outcome) => metrics.runtime.reconciled(outcome),
      queueObserver: metrics.runtime.queueObserver(name),
    });
    metrics.runtime.addController(made);
    return made;
  }
  const controllers = {
    reel: controller("reel", 2, (key, context) => reel.reconcile(key, context)),
    cloudApi: controller("cloudapi", 2, (key, context) => cloudApi.reconcile(key, context)),
    batch: controller("devicebatch", 4, (key, context) => batch.reconcile(key, context)),
    binding: controller("reelbinding", 1, (key, context) => binding.reconcile(key, context)),
    account: controller("account", 1, (key, context) => account.reconcile(key, context)),
  };
  const queues: Queues = {
    reel: (key, afterMs) => controllers.reel.enqueue(key, afterMs),
    cloudApi: (key, afterMs) => controllers.cloudApi.enqueue(key, afterMs),
    batch: (key, afterMs) => controllers.batch.enqueue(key, afterMs),
    binding: (key, afterMs) => controllers.binding.enqueue(key, afterMs),
    account: (key, afterMs) => controllers.account.enqueue(key, afterMs),
  };
  wire(cluster, queues, inspector);

  metrics.observe({
    cluster,
    lanes: () => ferry.lanes(),
    leads: () => elector?.leading ?? true,
    now: () => clock.now(),
  });

  const manager = new Manager({
    client,
    events,
    health: new HealthServer({
      ...options.health,
      log,
      ...(injected.logLevel === undefined ? {} : { logLevel: injected.logLevel }),
    }),
    servers: options.metrics === undefined ? [] : [metricsServer(metrics.registry, options.metrics, log)],
    clock,
    log,
    ...(elector === undefined ? {} : { elector }),
  });
  for (const cache of cachesOf(cluster)) manager.addInformer(cache);
  for (const each of Object.values(controllers)) manager.addController(each);
  manager.addTask({ name: "ferry", run: (signal) => runFerry(ferry, surveys, signal) });
  manager.addTask({
    name: "manifests and probes",
    needsLease: false,
    run: async (signal) => {
      await aborted(signal);
      inspector.close();
      probes.close();
      await caller.close();
      await store.close();
    },
  });
  return manager;
}

/** For addresses that come from the operator's own flags and environment, and not from what people declare. */
function anywhere(): EgressPolicy {
  return new EgressPolicy({ allowCidrs: ["0.0.0.0/0", "::/0"] });
}

async function runFerry(ferry: Ferry, surveys: Surveys, signal: AbortSignal): Promise<void> {
  await aborted(signal);
  surveys.close();
  // Who lost the lease must not go on beside its successor, not even to hear the last answers.
  await ferry.close(signal.reason instanceof LeaseLost ? 0 : FERRY_GRACE_MS);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
