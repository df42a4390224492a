import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { eventually } from "../../tools/cluster/eventually.ts";
import { failedWith, InformerBench, NAMESPACE, told } from "./testing/informer-bench.ts";
import { configMap } from "./testing/kinds.ts";
import type { ConfigMap } from "./testing/kinds.ts";

let bench: InformerBench;

beforeAll(async () => {
  bench = await InformerBench.start();
});

afterEach(async () => {
  await bench.clear();
});

afterAll(async () => {
  await bench.stop();
});

/** Created by whichever try gets through; one that was not answered may have got through too. */
async function createdAtLast(name: string): Promise<ConfigMap> {
  return eventually(
    async (signal) =>
      (await bench.configMaps.find({ namespace: NAMESPACE, name }, signal)) ??
      bench.configMaps.create(configMap(name), signal),
    { what: `${name} is created` },
  );
}

describe("an informer on a real API server", () => {
  it("follows what changes, and writes of its own are seen at once and told once", async () => {
    const { informer, changes } = await bench.inform();
    const created = await bench.configMaps.create(configMap("one", { a: "1" }));
    informer.observe(created);
    expect(informer.get("default/one")).toEqual(created);
    const updated = await bench.configMaps.update({ ...created, data: { a: "2" } });
    informer.observe(updated);
    expect(informer.get("default/one")?.data).toEqual({ a: "2" });
    await bench.configMaps.delete(created.metadata);
    expect(await told(changes, 3)).toEqual(["added one", "updated one", "deleted one"]);
    informer.observe(updated);
    expect(informer.get("default/one")).toBeUndefined();
    await bench.configMaps.create(configMap("two"));
    expect(await told(changes, 4)).toEqual(["added one", "updated one", "deleted one", "added two"]);
  });

  it("goes on where it was after the connection breaks, without listing anew", async () => {
    const { changes, lines } = await bench.inform();
    bench.proxy.cut();
    await bench.configMaps.create(configMap("one"));
    await bench.configMaps.delete({ namespace: NAMESPACE, name: "one" });
    expect(await told(changes, 2)).toEqual(["added one", "deleted one"]);
    expect(lines.filter(({ msg }) => msg === "synced")).toHaveLength(1);
    expect(lines.map(({ msg }) => msg)).toContain("watching again");
  });

  it("outlives a server that is killed and started again", async () => {
    await bench.configMaps.create(configMap("before"));
    const { informer, changes, lines } = await bench.inform();
    await bench.controlPlane.kill();
    await eventually(() => lines.some(({ msg }) => msg === "watch failed"), { what: "a failed try" });
    await bench.controlPlane.restart();
    const created = await createdAtLast("after");
    await bench.configMaps.delete({ namespace: NAMESPACE, name: "before" });
    await eventually(() => changes.length >= 2, { what: "what has changed", interval: 20 });
    expect(changes.toSorted()).toEqual(["added after", "deleted before"]);
    expect(informer.get("default/after")?.metadata.uid).toBe(created.metadata.uid);
  });

  it("notices a server that hangs, and goes on when it comes back", async () => {
    const { informer, changes, lines } = await bench.inform({ stallTimeoutMs: 700, requestTimeoutMs: 700 });
    let stale = 0;
    bench.controlPlane.pause();
    const before = lines.length;
    try {
      // A busy server may have been taken for a hung one before: whoever stalled then only times out now.
      await eventually(() => failedWith(lines, "Stalled"), { what: "the stall" });
      await eventually(() => failedWith(lines.slice(before), "Timeout"), { what: "a timeout" });
      await eventually(() => informer.staleForMs() > 700, { what: "being stale" });
      stale = informer.staleForMs();
    } finally {
      bench.controlPlane.resume();
    }
    await createdAtLast("after");
    expect(await told(changes, 1)).toEqual(["added after"]);
    await eventually(() => informer.staleForMs() < stale, { what: "a sign of life", interval: 5 });
  });

  it("gives up connections on which nothing comes", async () => {
    const { changes, lines } = await bench.inform({ requestTimeoutMs: 500 });
    bench.proxy.mode = "hang";
    bench.proxy.cut();
    const before = lines.length;
    await eventually(() => failedWith(lines.slice(before), "Timeout"), { what: "a timeout" });
    bench.proxy.mode = "pass";
    await bench.configMaps.create(configMap("one"));
    expect(await told(changes, 1)).toEqual(["added one"]);
    expect(lines.filter(({ msg }) => msg === "synced")).toHaveLength(1);
  });
});
