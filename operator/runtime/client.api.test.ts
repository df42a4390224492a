import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connect } from "../../tools/cluster/connect.ts";
import { startControlPlane } from "../../tools/control-plane/launcher.ts";
import type { ControlPlane } from "../../tools/control-plane/launcher.ts";
import { isAlreadyExists, isConflict, isNotFound } from "./api-error.ts";
import type { KubeClient, ResourceClient } from "./client.ts";
import { readiness } from "./conditions.ts";
import { EventRecorder } from "./events.ts";
import type { KubeObject } from "./objects.ts";
import { writeStatus } from "./status.ts";
import { CONFIG_MAP, configMap, installWidgets, WIDGET, widget } from "./testing/kinds.ts";
import type { ConfigMap, Widget } from "./testing/kinds.ts";

let controlPlane: ControlPlane;
let client: KubeClient;
let configMaps: ResourceClient<ConfigMap>;
let widgets: ResourceClient<Widget>;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = connect(controlPlane.kubeconfig);
  configMaps = client.resource(CONFIG_MAP);
  widgets = client.resource(WIDGET);
  await installWidgets(client);
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );

describe("a resource on a real API server", () => {
  it("is created, read, changed with its version as the precondition, and deleted", async () => {
    const created = await configMaps.create(configMap("one", { a: "1" }));
    expect(created).toMatchObject({
      kind: "ConfigMap",
      metadata: { name: "one", uid: expect.any(String) as string },
    });
    expect(isAlreadyExists(await failure(configMaps.create(configMap("one"))))).toBe(true);

    const changed = await configMaps.update({ ...created, data: { a: "2" } });
    expect(isConflict(await failure(configMaps.update({ ...created, data: { a: "3" } })))).toBe(true);
    expect(await configMaps.get(created.metadata)).toEqual(changed);

    const stranger = failure(
      configMaps.delete(created.metadata, { uid: "00000000-0000-0000-0000-000000000000" }),
    );
    expect(isConflict(await stranger)).toBe(true);
    await configMaps.delete(created.metadata, {
      uid: created.metadata.uid ?? "none",
      propagationPolicy: "Background",
    });
    await configMaps.delete(created.metadata);
    expect(await configMaps.find(created.metadata)).toBeUndefined();
    expect(isNotFound(await failure(configMaps.get(created.metadata)))).toBe(true);
  });

  it("is patched by merge, by JSON patch and by apply, and says who owns what is in dispute", async () => {
    const key = { namespace: "default", name: "patched" };
    await configMaps.create(configMap("patched", { a: "1", b: "2" }));
    expect((await configMaps.patch(key, { data: { b: null, c: "3" } })).data).toEqual({ a: "1", c: "3" });
    const steps = [
      { op: "test", path: "/data/a", value: "1" },
      { op: "remove", path: "/data/c" },
    ];
    expect((await configMaps.patch(key, steps, { type: "json" })).data).toEqual({ a: "1" });
    const ours = { metadata: { name: "patched" }, data: { a: "mine" } };
    const apply = { type: "apply", fieldManager: "tester" } as const;
    const dispute = await failure(configMaps.patch(key, ours, apply));
    expect(dispute).toMatchObject({ status: 409, message: expect.stringContaining("conflict") as string });
    expect((await configMaps.patch(key, ours, { ...apply, force: true })).data).toEqual({ a: "mine" });
  });

  it("is listed page by page, by selectors, and as of one version", async () => {
    const count = 1_100;
    for (let at = 0; at < count; at += 50) {
      const batch = Array.from({ length: 50 }, (_, i) => {
        const object = configMap(`many-${String(at + i).padStart(4, "0")}`);
        return configMaps.create({
          ...object,
          metadata: { ...object.metadata, labels: { parity: String(i % 2) } },
        });
      });
      await Promise.all(batch);
    }
    const all = await configMaps.list({ namespace: "default" });
    const names = all.items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith("many-"));
    expect(new Set(names).size).toBe(count);
    expect(all.items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
    expect(Number(all.resourceVersion)).toBeGreaterThan(count);
    const odd = await configMaps.list({ namespace: "default", labelSelector: "parity=1" });
    expect(odd.items).toHaveLength(count / 2);
    const one = await configMaps.list({ namespace: "default", fieldSelector: "metadata.name=many-0007" });
    expect(one.items).toHaveLength(1);
  });

  it("is refused with the server's words, but those about a Secret are kept back", async () => {
    const words = await failure(configMaps.create(configMap("Bad_Name")));
    expect(words).toMatchObject({ status: 422, reason: "Invalid" });
    expect(String(words)).toContain("Bad_Name");
    const secrets = client.resource<KubeObject>({ ...CONFIG_MAP, plural: "secrets", kind: "Secret" });
    const secret = { ...configMap("S3cret_Name"), kind: "Secret" };
    expect(String(await failure(secrets.create(secret)))).toBe(
      "ApiError: POST /api/v1/namespaces/default/secrets: 422 Invalid",
    );
  });

  it("of a kind that the server does not know is not found", async () => {
    const unknown = client.resource({ ...WIDGET, plural: "gadgets", kind: "Gadget" });
    expect(isNotFound(await failure(unknown.list()))).toBe(true);
  });
});

describe("writeStatus on a real API server", () => {
  it("writes the status alone, once, and only when it differs", async () => {
    const created = await widgets.create(widget("sized", 3));
    const conditions = readiness(
      created.status?.conditions,
      { state: "ready", reason: "Sized", message: "" },
      { observedGeneration: created.metadata.generation ?? 0, now: new Date() },
    );
    const written = await writeStatus(widgets, { ...created, spec: { size: 99 } }, { size: 3, conditions });
    expect(written.spec).toEqual({ size: 3 });
    expect(written.status).toEqual({ size: 3, conditions });
    expect(written.metadata.generation).toBe(1);

    const again = await writeStatus(widgets, written, { conditions, size: 3 });
    expect(again).toBe(written);
    expect((await widgets.get({ name: "sized" })).metadata.resourceVersion).toBe(
      written.metadata.resourceVersion,
    );
    expect(isConflict(await failure(writeStatus(widgets, created, { size: 4 })))).toBe(true);
  });
});

describe("EventRecorder on a real API server", () => {
  interface Event extends KubeObject {
    reason: string;
    note: string;
    series?: { count: number; lastObservedTime: string };
    regarding: { name: string };
  }

  it("writes events that the server takes, and counts repetitions", async () => {
    const events = client.resource<Event>({
      group: "events.k8s.io",
      version: "v1",
      plural: "events",
      kind: "Event",
      namespaced: true,
    });
    const recorder = new EventRecorder({ client, component: "runtime.test/tests", instance: "tests-1" });
    const about = await widgets.create(widget("told", 1));
    const input = {
      type: "Warning",
      reason: "TooSmall",
      action: "Size",
      message: "ä".repeat(2_000),
    } as const;
    recorder.event(about, input);
    await recorder.flush(AbortSignal.timeout(10_000));
    for (let i = 0; i < 4; i += 1) recorder.event(about, input);
    await recorder.flush(AbortSignal.timeout(10_000));
    recorder.event(about, { ...input, type: "Normal", reason: "Sized", message: "it fits" });
    recorder.event(await configMaps.create(configMap("told")), input);
    await recorder.flush(AbortSignal.timeout(10_000));

    const { items } = await events.list({ namespace: "default" });
    const told = items.filter(({ regarding }) => regarding.name === "told");
    expect(told.map(({ reason }) => reason).sort()).toEqual(["Sized", "TooSmall", "TooSmall"]);
    const repeated = told.find(({ series }) => series !== undefined);
    expect(repeated?.series).toMatchObject({
      count: 5,
      lastObservedTime: expect.stringMatching(/\.\d{6}Z$/) as string,
    });
    expect(repeated?.note).toMatch(/^ä+…$/);
  });
});
