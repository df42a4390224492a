import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connect } from "../../tools/cluster/connect.ts";
import { eventually } from "../../tools/cluster/eventually.ts";
import { startControlPlane } from "../../tools/control-plane/launcher.ts";
import type { ControlPlane } from "../../tools/control-plane/launcher.ts";
import type { KubeClient, ResourceClient } from "./client.ts";
import { readiness } from "./conditions.ts";
import { Controller } from "./controller.ts";
import { EventRecorder } from "./events.ts";
import { HealthServer } from "./health.ts";
import { Informer } from "./informer.ts";
import { LeaderElector, LEASE, LeaseLost } from "./leader.ts";
import type { Lease } from "./leader.ts";
import { Manager } from "./manager.ts";
import { keyOf, parseKey } from "./objects.ts";
import type { KubeObject } from "./objects.ts";
import { writeStatus } from "./status.ts";
import { installWidgets, WIDGET, widget } from "./testing/kinds.ts";
import type { Widget } from "./testing/kinds.ts";

let controlPlane: ControlPlane;
let client: KubeClient;
let widgets: ResourceClient<Widget>;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = connect(controlPlane.kubeconfig);
  widgets = client.resource(WIDGET);
  await installWidgets(client);
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

/** A small operator, as one would write it: it writes each Widget's size into its status. */
async function startOperator(identity: string, o: { until?: Promise<void> } = {}) {
  const own = connect(controlPlane.kubeconfig);
  const resource = own.resource<Widget>(WIDGET);
  const health = new HealthServer({ host: "127.0.0.1", port: 0 });
  const events = new EventRecorder({ client: own, component: "runtime.test/sizer", instance: identity });
  const elector = new LeaderElector({
    client: own,
    namespace: "default",
    name: "sizer",
    identity,
    leaseDurationMs: 10_000,
    renewDeadlineMs: 6_000,
    retryPeriodMs: 250,
  });
  const informer = new Informer<Widget>({ client: resource });
  const begun: string[] = [];
  const reconciled: string[] = [];
  const controller = new Controller({
    name: "widget",
    workers: 4,
    reconcile: async (key, { signal }) => {
      const found = informer.get(key);
      if (found === undefined) return;
      begun.push(parseKey(key).name);
      await o.until;
      const { size } = found.spec;
      const at = { now: new Date(), observedGeneration: found.metadata.generation ?? 0 };
      const verdict = { state: "ready", reason: "Sized", message: `size ${size}` } as const;
      const conditions = readiness(found.status?.conditions, verdict, at);
      const written = await writeStatus(resource, found, { size, note: identity, conditions }, signal);
      if (written === found) return;
      informer.observe(written);
      reconciled.push(parseKey(key).name);
      events.event(found, { type: "Normal", reason: "Sized", action: "Size", message: `size ${size}` });
    },
  });
  informer.onChange(({ object }) => controller.enqueue(keyOf(object)));
  const manager = new Manager({ client: own, elector, events, health, drainMs: 5_000 });
  manager.addInformer(informer);
  manager.addController(controller);
  const stop = new AbortController();
  let port = 0;
  const listen = health.listen.bind(health);
  health.listen = async () => {
    const at = await listen();
    ({ port } = at);
    return at;
  };
  const outcome = manager.run(stop.signal).then(
    () => "ended",
    (error: unknown) => error,
  );
  await eventually(() => port > 0, { what: "health is served", interval: 5 });
  const ask = async (path: string): Promise<[number, string]> => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`);
    return [statusCode, await body.text()];
  };
  return { stop, outcome, elector, begun, reconciled, ask };
}

async function sized(name: string, size: number, by: string): Promise<void> {
  await eventually(
    async (signal) => {
      const { status } = await widgets.get({ name }, signal);
      return status?.size === size && status.note === by;
    },
    { what: `${name} is of size ${size} by ${by}`, interval: 20 },
  );
}

describe("a manager on a real API server", () => {
  it("runs an operator, hands over to another on stop, and leaves nothing behind", async () => {
    await widgets.create(widget("w1", 1));
    const one = await startOperator("one");
    await sized("w1", 1, "one");
    expect(await one.ask("/readyz?verbose")).toEqual([
      200,
      "[+]ping ok\n[+]shutdown ok\n[+]informer-widgets ok\nreadyz check passed\n",
    ]);
    expect(await one.ask("/livez?verbose")).toEqual([
      200,
      "[+]ping ok\n[+]leader-election ok\n[+]informer-widgets ok\nlivez check passed\n",
    ]);

    const two = await startOperator("two");
    await eventually(async () => (await two.ask("/readyz"))[0] === 200, { what: "two stands by" });
    await widgets.patch({ name: "w1" }, { spec: { size: 2 } });
    await sized("w1", 2, "one");
    expect(two.reconciled).toEqual([]);

    one.stop.abort();
    expect(await one.outcome).toBe("ended");
    await eventually(() => two.elector.leading, { what: "two leads", deadline: 8_000, interval: 10 });
    await widgets.patch({ name: "w1" }, { spec: { size: 3 } });
    await sized("w1", 3, "two");
    two.stop.abort();
    expect(await two.outcome).toBe("ended");

    const lease = await client.resource<Lease>(LEASE).get({ namespace: "default", name: "sizer" });
    expect(lease.spec?.holderIdentity ?? "").toBe("");
    const events = await client
      .resource<KubeObject & { note: string }>({
        ...LEASE,
        group: "events.k8s.io",
        plural: "events",
        kind: "Event",
      })
      .list({ namespace: "default" });
    const notes = new Set(events.items.map(({ note }) => note));
    expect([...notes]).toEqual(expect.arrayContaining(["size 1", "size 2", "size 3"]));
  });

  it("lets a reconcile that runs come to its end when it is stopped", async () => {
    const stopped = Promise.withResolvers<void>();
    const one = await startOperator("one", { until: stopped.promise });
    await eventually(() => one.elector.leading, { what: "it leads", interval: 10 });
    await widgets.create(widget("w2", 5));
    await eventually(() => one.begun.includes("w2"), { what: "the reconcile runs", interval: 5 });
    one.stop.abort();
    stopped.resolve();
    expect(await one.outcome).toBe("ended");
    expect(one.reconciled).toContain("w2");
    expect((await widgets.get({ name: "w2" })).status).toMatchObject({ size: 5, note: "one" });
  });

  it("ends with LeaseLost when the server hangs", async () => {
    const one = await startOperator("one");
    await eventually(() => one.elector.leading, { what: "it leads", interval: 10 });
    controlPlane.pause();
    try {
      expect(await one.outcome).toBeInstanceOf(LeaseLost);
    } finally {
      controlPlane.resume();
    }
  });
});
