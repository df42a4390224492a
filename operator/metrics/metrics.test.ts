import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import type { CloudApi, DeviceBatch, Reel } from "../../crds/index.ts";
import type { Cluster } from "../controllers/cluster.ts";
import { Controller } from "../runtime/controller.ts";
import type { LaneView } from "../provisioning/observer.ts";
import { OperatorMetrics } from "./metrics.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/metrics.md");
const LANE: LaneView = { size: 20, underWay: 3, inFlight: 8, rate: Infinity, waiting: 2, broken: false };

/** Caches that hold what they are given, and tell of changes when they are told to. */
function cacheOf<T>(...objects: T[]) {
  const handlers: ((change: { type: string; object: T; previous: T | undefined }) => void)[] = [];
  return {
    list: () => objects,
    onChange: (handler: (typeof handlers)[number]) => void handlers.push(handler),
    tell(type: string, object: T, previous?: T) {
      for (const handler of handlers) handler({ type, object, previous });
    },
  };
}

function setUp(objects: { batches?: DeviceBatch[]; reels?: Reel[]; cloudApis?: CloudApi[] } = {}) {
  const caches = {
    batches: cacheOf(...(objects.batches ?? [])),
    reels: cacheOf(...(objects.reels ?? [])),
    cloudApis: cacheOf(...(objects.cloudApis ?? [])),
  };
  const cluster = Object.fromEntries(Object.entries(caches).map(([name, cache]) => [name, { cache }]));
  const state = { leads: true, lanes: [] as [string, LaneView][], now: Date.UTC(2026, 0, 1, 12) };
  const metrics = new OperatorMetrics({ version: "1.2.3", lease: "certferry-operator" });
  metrics.observe({
    cluster: cluster as unknown as Cluster,
    lanes: () => state.lanes,
    leads: () => state.leads,
    now: () => state.now,
  });
  const lines = async (name: string): Promise<string[]> =>
    (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith(name));
  return { metrics, lines, state, caches };
}

function batch(name: string, status: unknown): DeviceBatch {
  return {
    apiVersion: "certferry.dev/v1alpha1",
    kind: "DeviceBatch",
    metadata: { name, namespace: "acme", uid: `uid-${name}` },
    spec: { batchId: name },
    status,
  } as DeviceBatch;
}

function ready(status: string, reason: string, stalled = false) {
  const condition = { reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
  return [
    { type: "Ready", status, ...condition },
    ...(stalled ? [{ type: "Stalled", status: "True", ...condition }] : []),
  ];
}

describe("the document of the metrics", () => {
  it("names each metric with its type and labels, and none that is not there", async () => {
    const { metrics } = setUp();
    const rows = (await readFile(DOCUMENT, "utf8"))
      .split("\n")
      .map((line) => /^\| `([a-z_0-9]+)` \| (\w+) \| (.*?) \|/.exec(line))
      .filter((row) => row !== null)
      .map(([, name, type, labels = ""]) => ({
        name,
        type,
        labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      }));
    const there = metrics.registry.getMetricsAsArray().map((metric) => ({
      name: metric.name,
      type: metric.constructor.name.toLowerCase(),
      labels: [...((metric as unknown as { labelNames: string[] }).labelNames ?? [])],
    }));
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
      String(a.name).localeCompare(String(b.name));
    expect(rows.sort(byName)).toEqual(there.sort(byName));
  });
});

describe("OperatorMetrics", () => {
  it("tells how devices stand in clouds that tell, and how long ago the oldest answer is; nothing of others", async () => {
    const told = (name: string, toldAt: string, asked: number, active: number, differing: number) => ({
      name,
      state: "Provisioned",
      activity: { toldAt, asked, active, differing, rounds: 1 },
    });
    const { lines, state } = setUp({
      batches: [
        batch("d1", { clouds: [told("aws", "2026-01-01T11:00:00Z", 10, 9, 1), { name: "silent" }] }),
        batch("d2", { clouds: [told("aws", "2026-01-01T09:00:00Z", 5, 5, 0)] }),
        batch("d3", undefined),
      ],
    });
    const of = (result: string, value: number) =>
      `certferry_activity_devices{namespace="acme",cloudapi="aws",result="${result}"} ${value}`;
    expect(await lines("certferry_activity")).toEqual([
      of("asked", 15),
      of("active", 14),
      of("differing", 1),
      'certferry_activity_oldest_seconds{namespace="acme",cloudapi="aws"} 10800',
    ]);
    state.leads = false;
    expect(await lines("certferry_activity")).toEqual([]);
  });

  it("tells since when a cloud that can tell has not, also where it never did", async () => {
    const api = (name: string, ...capabilities: string[]): CloudApi =>
      ({ metadata: { name, namespace: "acme" }, spec: {}, status: { capabilities } }) as unknown as CloudApi;
    const since = (name: string) => ({ name, state: "Provisioned", provisionedAt: "2026-01-01T10:00:00Z" });
    const { lines } = setUp({
      batches: [batch("d1", { clouds: [since("busy"), since("silent"), { name: "busy" }] })],
      cloudApis: [api("busy", "status"), api("silent")],
    });
    expect(await lines("certferry_activity_oldest_seconds")).toEqual([
      'certferry_activity_oldest_seconds{namespace="acme",cloudapi="busy"} 7200',
    ]);
  });

  it("counts the questions that clouds were asked beside other requests", async () => {
    const { metrics, lines } = setUp();
    const report = { account: "acme", cloudApi: "aws", type: "AWS", devices: 25, seconds: 0.2 } as const;
    metrics.clouds.questioned({ ...report, outcome: "Answered" });
    metrics.clouds.questioned({ ...report, outcome: "Throttled" });
    expect(await lines("certferry_interop_requests_total{")).toEqual([
      'certferry_interop_requests_total{namespace="acme",cloudapi="aws",action="status",outcome="Answered"} 1',
      'certferry_interop_requests_total{namespace="acme",cloudapi="aws",action="status",outcome="Throttled"} 1',
    ]);
  });

  it("counts devices by account, cloud and state, whatever the number of batches", async () => {
    const clouds = (state: string, provisioned: number, failed: number, pending: number) => [
      { name: "aws", state, provisioned, failed, pending },
    ];
    const cloudNames = "azure, aws";
    const gone = batch("d7", { cloudNames, clouds: clouds("Blocked", 0, 2, 500) });
    gone.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    const { lines, state } = setUp({
      batches: [
        batch("d1", {
          cloudNames,
          clouds: clouds("Provisioned", 5, 0, 0),
          conditions: ready("True", "Provisioned"),
        }),
        batch("d2", {
          cloudNames,
          clouds: clouds("Provisioning", 2, 1, 7),
          conditions: ready("Unknown", "Provisioning"),
        }),
        batch("d3", {
          cloudNames,
          clouds: clouds("Blocked", 1, 0, 4),
          conditions: ready("False", "CloudBlocked"),
        }),
        batch("d4", {
          cloudNames,
          clouds: clouds("Suspended", 0, 0, 9),
          conditions: ready("False", "Suspended", true),
        }),
        batch("d5", { clouds: clouds("Deprovisioning", 3, 0, 1), conditions: ready("Unknown", "X") }),
        batch("d6", undefined),
        // Whatever holds it up: these are to leave, and nobody knows whether they are in.
        gone,
        batch("d8", { cloudNames: "azure", clouds: clouds("Blocked", 20, 0, 30) }),
      ],
    });
    const of = (name: string, value: number) =>
      `certferry_devices{namespace="acme",cloudapi="aws",state="${name}"} ${value}`;
    expect((await lines("certferry_devices{")).sort()).toEqual(
      [
        of("provisioned", 8),
        of("failed", 3),
        of("pending", 7),
        of("blocked", 4),
        of("suspended", 9),
        of("leaving", 554),
      ].sort(),
    );
    expect((await lines("certferry_batches{")).sort()).toEqual([
      'certferry_batches{namespace="acme",state="new",reason=""} 3',
      'certferry_batches{namespace="acme",state="progressing",reason="Provisioning"} 1',
      'certferry_batches{namespace="acme",state="progressing",reason="X"} 1',
      'certferry_batches{namespace="acme",state="ready",reason="Provisioned"} 1',
      'certferry_batches{namespace="acme",state="retrying",reason="CloudBlocked"} 1',
      'certferry_batches{namespace="acme",state="stalled",reason="Suspended"} 1',
    ]);
    // One process tells of the cluster, or sums over the replicas would count everything twice.
    state.leads = false;
    expect(await lines("certferry_devices")).toEqual(
      (await lines("certferry_devices_")).filter((line) => !line.startsWith("certferry_devices{")),
    );
    expect(await lines("leader_election_master_status")).toEqual([
      'leader_election_master_status{name="certferry-operator"} 0',
    ]);
  });

  it("tells of the ways to clouds that are in use, two addresses of one cloud together", async () => {
    const { lines, state } = setUp();
    state.lanes = [
      ["AWS/1/eu", LANE],
      ["AWS/1/eu", { ...LANE, rate: 25, broken: true }],
      ["Azure/2/hub", LANE],
    ];
    expect(await lines("certferry_lane_in_flight{")).toEqual([
      'certferry_lane_in_flight{target="AWS/1/eu"} 6',
      'certferry_lane_in_flight{target="Azure/2/hub"} 3',
    ]);
    expect(await lines("certferry_lane_breaker_open{")).toEqual([
      'certferry_lane_breaker_open{target="AWS/1/eu"} 1',
      'certferry_lane_breaker_open{target="Azure/2/hub"} 0',
    ]);
    expect(await lines("certferry_lane_devices_per_second_limit{")).toEqual([
      'certferry_lane_devices_per_second_limit{target="AWS/1/eu"} 25',
    ]);
    state.lanes = [];
    expect(await lines("certferry_lane_in_flight{")).toEqual([]);
  });

  it("forgets what was counted of a CloudApi that is gone", async () => {
    const { metrics, lines, caches } = setUp();
    const report = { account: "acme", type: "AWS", direction: "in" } as const;
    for (const cloudApi of ["aws", "other"]) {
      metrics.clouds.requested({ ...report, cloudApi, devices: 3, seconds: 0.3, outcome: "Answered" });
      metrics.clouds.answered({ ...report, cloudApi, done: 2, refusals: new Map([["CloudBusy", 1]]) });
    }
    expect(await lines("certferry_device_refusals_total{")).toHaveLength(2);
    const gone = { metadata: { namespace: "acme", name: "aws" } } as CloudApi;
    caches.cloudApis.tell("deleted", gone);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await lines("certferry_device_refusals_total{")).toEqual([
      'certferry_device_refusals_total{namespace="acme",cloudapi="other",reason="CloudBusy"} 1',
    ]);
    expect(await lines("certferry_devices_done_total{")).toHaveLength(1);
    expect(await lines("certferry_interop_requests_total{")).toHaveLength(1);
    expect(await lines("certferry_interop_request_duration_seconds_count{")).toEqual([
      'certferry_interop_request_duration_seconds_count{type="AWS",action="provision"} 2',
    ]);
  });

  it("measures from the binding, or from being wanted anew, until all devices are in", async () => {
    const { lines, state, caches } = setUp();
    const at = (seconds: number): string => new Date(state.now + seconds * 1_000).toISOString();
    const none = batch("d1", {});
    const bound = batch("d1", { boundAt: at(-40) });
    const done = batch("d1", { boundAt: at(-40), provisionedAt: at(0) });
    caches.batches.tell("added", none);
    caches.batches.tell("updated", bound, none);
    caches.batches.tell("updated", done, bound);
    expect(await lines("certferry_bind_to_provisioned_seconds_sum")).toEqual([
      "certferry_bind_to_provisioned_seconds_sum 40",
    ]);
    state.now += 86_400_000;
    caches.batches.tell("updated", bound, done);
    state.now += 10_000;
    caches.batches.tell("updated", done, bound);
    // What was done before this process began is no news.
    caches.batches.tell("added", batch("d2", { boundAt: at(-40), provisionedAt: at(0) }));
    expect(await lines("certferry_bind_to_provisioned_seconds_sum")).toEqual([
      "certferry_bind_to_provisioned_seconds_sum 50",
    ]);
    expect(await lines("certferry_bind_to_provisioned_seconds_count")).toEqual([
      "certferry_bind_to_provisioned_seconds_count 2",
    ]);
  });

  it("measures reconciles and queues as controller-runtime does", async () => {
    const { metrics, lines } = setUp();
    const done = Promise.withResolvers<void>();
    const controller = new Controller({
      name: "reel",
      workers: 2,
      reconcile: async () => done.promise,
      onOutcome: (outcome) => metrics.runtime.reconciled(outcome),
      queueObserver: metrics.runtime.queueObserver("reel"),
    });
    metrics.runtime.addController(controller);
    for (const key of ["a", "b", "c"]) controller.enqueue(key);
    const stop = new AbortController();
    const running = controller.run(stop.signal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await lines("controller_runtime_active_workers{")).toEqual([
      'controller_runtime_active_workers{controller="reel"} 2',
    ]);
    expect(await lines("workqueue_depth{")).toEqual(['workqueue_depth{name="reel",controller="reel"} 1']);
    done.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await running;
    expect(await lines('controller_runtime_reconcile_total{controller="reel",result="success"}')).toEqual([
      'controller_runtime_reconcile_total{controller="reel",result="success"} 3',
    ]);
    expect(await lines("workqueue_adds_total{")).toEqual([
      'workqueue_adds_total{name="reel",controller="reel"} 3',
    ]);
  });
});
