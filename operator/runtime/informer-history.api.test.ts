import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { eventually } from "../../tools/cluster/eventually.ts";
import { InformerBench, NAMESPACE } from "./testing/informer-bench.ts";
import { configMap } from "./testing/kinds.ts";

let folder: string;
let bench: InformerBench;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "runtime-informer-"));
  // Without the cache, a compaction takes effect on watches at once.
  bench = await InformerBench.start({ dataDir: join(folder, "data"), extraArgs: ["--watch-cache=false"] });
});

afterEach(async () => {
  await bench.clear();
});

afterAll(async () => {
  await bench.stop();
  await rm(folder, { recursive: true });
});

describe("an informer whose server has lost the history", () => {
  it("tells after a compaction what it missed, a re-creation as deleted and added", async () => {
    for (const name of ["same", "changed", "deleted", "recreated"])
      await bench.configMaps.create(configMap(name));
    const { informer, changes, lines } = await bench.inform();
    bench.proxy.mode = "reset";
    bench.proxy.cut();
    await bench.configMaps.patch({ namespace: NAMESPACE, name: "changed" }, { data: { a: "1" } });
    for (const name of ["deleted", "recreated"])
      await bench.configMaps.delete({ namespace: NAMESPACE, name });
    const recreated = await bench.configMaps.create(configMap("recreated"));
    await bench.configMaps.create(configMap("new"));
    await bench.controlPlane.compact();
    await eventually(() => lines.filter(({ msg }) => msg === "watch failed").length >= 2, {
      what: "failed tries",
    });
    expect(changes).toEqual([]);
    bench.proxy.mode = "pass";
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

  it("believes a cluster that was restored from a backup", async () => {
    await bench.configMaps.create(configMap("kept"));
    await bench.configMaps.create(configMap("resurrected"));
    await bench.controlPlane.kill();
    const backup = join(folder, "backup");
    await cp(bench.controlPlane.dataDir, backup, { recursive: true });
    await bench.controlPlane.restart();

    const { informer, changes } = await bench.inform();
    await bench.configMaps.delete({ namespace: NAMESPACE, name: "resurrected" });
    for (let i = 0; i < 50; i += 1) await bench.configMaps.create(configMap(`lost-${i}`));
    await eventually(() => changes.length === 51, { what: "all changes", interval: 20 });
    changes.length = 0;

    await bench.controlPlane.kill();
    for (const name of await readdir(bench.controlPlane.dataDir))
      await rm(join(bench.controlPlane.dataDir, name), { recursive: true });
    await cp(backup, bench.controlPlane.dataDir, { recursive: true });
    await bench.controlPlane.restart();
    await eventually(() => changes.length === 51, { what: "what the restoration changed", interval: 20 });
    expect(changes).toContain("added resurrected");
    expect(changes).toContain("deleted lost-49");
    await bench.configMaps.create(configMap("after"));
    await eventually(() => changes.at(-1) === "added after", { what: "what came later", interval: 20 });
    const names = informer.list().map(({ metadata }) => metadata.name);
    expect(names.filter((name) => name !== "kube-root-ca.crt").sort()).toEqual([
      "after",
      "kept",
      "resurrected",
    ]);
  });
});
