import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { connect } from "../../tools/cluster/connect.ts";
import { eventually } from "../../tools/cluster/eventually.ts";
import { startControlPlane } from "../../tools/control-plane/launcher.ts";
import type { ControlPlane } from "../../tools/control-plane/launcher.ts";
import { Backoff } from "./backoff.ts";
import { KubeClient } from "./client.ts";
import type { ResourceClient } from "./client.ts";
import { Informer } from "./informer.ts";
import type { InformerOptions } from "./informer.ts";
import { CONFIG_MAP, configMap } from "./testing/kinds.ts";
import type { ConfigMap } from "./testing/kinds.ts";
import { recordingLogger } from "./testing/log.ts";
import { TcpProxy } from "./testing/tcp-proxy.ts";

const NAMESPACE = "default";

let folder: string;
let controlPlane: ControlPlane;
let proxy: TcpProxy;
/** Goes straight to the server. */
let client: KubeClient;
let configMaps: ResourceClient<ConfigMap>;
const endings: (() => Promise<void>)[] = [];

/** An informer whose connections go through the proxy. */
async function start(o: Partial<InformerOptions<ConfigMap>> & { requestTimeoutMs?: number } = {}) {
  const { requestTimeoutMs = 30_000, ...rest } = o;
  const config = new KubeConfig();
  config.loadFromFile(controlPlane.kubeconfig);
  const [cluster] = config.clusters;
  if (cluster === undefined) throw new Error("a kubeconfig without a cluster");
  config.clusters = [{ ...cluster, server: `https://127.0.0.1:${proxy.port}` }];
  const proxied = new KubeClient(config, { requestTimeoutMs });
  const { log, lines } = recordingLogger();
  const informer = new Informer<ConfigMap>({
    client: proxied.resource(CONFIG_MAP),
    namespace: NAMESPACE,
    backoff: new Backoff({ baseMs: 50, maxMs: 500 }),
    log,
    ...rest,
  });
  const changes: string[] = [];
  informer.onChange(({ type, object }) => {
    if (object.metadata.name !== "kube-root-ca.crt") changes.push(`${type} ${object.metadata.name}`);
  });
  const stop = new AbortController();
  endings.push(async () => {
    stop.abort(new Error("the test is over"));
    await informer.stopped();
    await proxied.close();
  });
  informer.start(stop.signal);
  await informer.waitForSync(AbortSignal.timeout(20_000));
  await eventually(() => lines.some(({ msg }) => msg === "watching"), { what: "the watch", interval: 5 });
  changes.length = 0;
  return { informer, changes, lines };
}

async function reaches(changes: string[], expected: string[], deadline = 30_000): Promise<void> {
  await eventually(() => changes.length >= expected.length, {
    what: `${expected.join(", ")}; so far ${changes.join(", ")}`,
    interval: 20,
    deadline,
  });
  expect(changes).toEqual(expected);
}

async function clear(): Promise<void> {
  const { items } = await configMaps.list({ namespace: NAMESPACE });
  await Promise.all(items.map(({ metadata }) => configMaps.delete(metadata)));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "runtime-informer-"));
  // Without the cache, a compaction takes effect on watches at once.
  controlPlane = await startControlPlane({
    dataDir: join(folder, "data"),
    extraArgs: ["--watch-cache=false"],
  });
  proxy = await TcpProxy.start(Number(new URL(controlPlane.url).port));
  client = connect(controlPlane.kubeconfig);
  configMaps = client.resource(CONFIG_MAP);
});

afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
  proxy.mode = "pass";
  await clear();
});

afterAll(async () => {
  await client.close();
  await proxy.close();
  await controlPlane.stop();
  await rm(folder, { recursive: true });
});

describe("an informer on a real API server", () => {
  it("follows what changes, and writes of its own are seen at once and told once", async () => {
    const { informer, changes } = await start();
    const created = await configMaps.create(configMap("one", { a: "1" }));
    informer.observe(created);
    expect(informer.get("default/one")).toEqual(created);
    const updated = await configMaps.update({ ...created, data: { a: "2" } });
    informer.observe(updated);
    expect(informer.get("default/one")?.data).toEqual({ a: "2" });
    await configMaps.delete(created.metadata);
    await reaches(changes, ["added one", "updated one", "deleted one"]);
    informer.observe(updated);
    expect(informer.get("default/one")).toBeUndefined();
    await configMaps.create(configMap("two"));
    await reaches(changes, ["added one", "updated one", "deleted one", "added two"]);
  });

  it("tells after a compaction what it missed, a re-creation as deleted and added", async () => {
    for (const name of ["same", "changed", "deleted", "recreated"]) await configMaps.create(configMap(name));
    const { informer, changes, lines } = await start();
    proxy.mode = "reset";
    proxy.cut();
    await configMaps.patch({ namespace: NAMESPACE, name: "changed" }, { data: { a: "1" } });
    for (const name of ["deleted", "recreated"]) await configMaps.delete({ namespace: NAMESPACE, name });
    const recreated = await configMaps.create(configMap("recreated"));
    await configMaps.create(configMap("new"));
    await controlPlane.compact();
    await eventually(() => lines.filter(({ msg }) => msg === "watch failed").length >= 2, {
      what: "failed tries",
    });
    expect(changes).toEqual([]);
    proxy.mode = "pass";
    await eventually(() => changes.length >= 5, { what: "what was missed", interval: 20 });
    expect(changes.toSorted()).toEqual([
      "added new",
      "added recreated",
      "deleted deleted",
      "deleted recreated",
      "updated changed",
    ]);
    expect(changes.indexOf("deleted recreated")).toBeLessThan(changes.indexOf("added recreated"));
    expect(informer.get("default/recreated")?.metadata.uid).toBe(recreated.metadata.uid);
    expect(lines.some(({ msg }) => msg === "the watch has fallen too far behind: listing anew")).toBe(true);
  });

  it("goes on where it was after the connection breaks, without listing anew", async () => {
    const { changes, lines } = await start();
    proxy.cut();
    await configMaps.create(configMap("one"));
    await configMaps.delete({ namespace: NAMESPACE, name: "one" });
    await reaches(changes, ["added one", "deleted one"]);
    expect(lines.filter(({ msg }) => msg === "synced")).toHaveLength(1);
    expect(lines.at(-1)).toMatchObject({ msg: "watching again" });
  });

  it("outlives a server that is killed and started again", async () => {
    await configMaps.create(configMap("before"));
    const { informer, changes, lines } = await start();
    await controlPlane.kill();
    await eventually(() => lines.some(({ msg }) => msg === "watch failed"), { what: "a failed try" });
    await controlPlane.restart();
    const created = await eventually((signal) => configMaps.create(configMap("after"), signal), {
      what: "a write",
    });
    await configMaps.delete({ namespace: NAMESPACE, name: "before" });
    await eventually(() => changes.length >= 2, { what: "what has changed", interval: 20 });
    expect(changes.toSorted()).toEqual(["added after", "deleted before"]);
    expect(informer.get("default/after")?.metadata.uid).toBe(created.metadata.uid);
  });

  it("notices a server that hangs, and goes on when it comes back", async () => {
    const { informer, changes, lines } = await start({ stallTimeoutMs: 700, requestTimeoutMs: 700 });
    controlPlane.pause();
    try {
      await eventually(() => lines.some((line) => failure(line)["reason"] === "Stalled"), {
        what: "the stall",
      });
      await eventually(() => lines.some((line) => failure(line)["reason"] === "Timeout"), {
        what: "a timeout",
      });
      expect(informer.staleForMs()).toBeGreaterThan(700);
    } finally {
      controlPlane.resume();
    }
    await eventually((signal) => configMaps.create(configMap("after"), signal), { what: "a write" });
    await reaches(changes, ["added after"]);
    expect(informer.staleForMs()).toBeLessThan(700);
  });

  it("gives up connections on which nothing comes", async () => {
    const { changes, lines } = await start({ requestTimeoutMs: 500 });
    proxy.mode = "hang";
    proxy.cut();
    await eventually(() => lines.some((line) => failure(line)["reason"] === "Timeout"), {
      what: "a timeout",
    });
    proxy.mode = "pass";
    await configMaps.create(configMap("one"));
    await reaches(changes, ["added one"]);
    expect(lines.filter(({ msg }) => msg === "synced")).toHaveLength(1);
  });

  it("believes a cluster that was restored from a backup", async () => {
    await configMaps.create(configMap("kept"));
    await configMaps.create(configMap("resurrected"));
    await controlPlane.kill();
    const backup = join(folder, "backup");
    await cp(controlPlane.dataDir, backup, { recursive: true });
    await controlPlane.restart();

    const { informer, changes } = await start();
    await configMaps.delete({ namespace: NAMESPACE, name: "resurrected" });
    for (let i = 0; i < 50; i += 1) await configMaps.create(configMap(`lost-${i}`));
    await eventually(() => changes.length === 51, { what: "all changes", interval: 20 });
    changes.length = 0;

    await controlPlane.kill();
    for (const name of await readdir(controlPlane.dataDir))
      await rm(join(controlPlane.dataDir, name), { recursive: true });
    await cp(backup, controlPlane.dataDir, { recursive: true });
    await controlPlane.restart();
    await eventually(() => changes.length === 51, { what: "what the restoration changed", interval: 20 });
    expect(changes).toContain("added resurrected");
    expect(changes).toContain("deleted lost-49");
    await configMaps.create(configMap("after"));
    await eventually(() => changes.at(-1) === "added after", { what: "what came later", interval: 20 });
    const names = informer.list().map(({ metadata }) => metadata.name);
    expect(names.filter((name) => name !== "kube-root-ca.crt").sort()).toEqual([
      "after",
      "kept",
      "resurrected",
    ]);
  });
});

function failure(line: { [member: string]: unknown }): Record<string, unknown> {
  return (line["err"] as Record<string, unknown> | undefined) ?? {};
}
