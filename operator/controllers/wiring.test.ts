import { describe, expect, it } from "vitest";
import { API_VERSION, type CloudApi } from "../../crds/index.ts";
import { ControllerRig, until } from "./testing/controllers.ts";
import { type Queues, wire } from "./wiring.ts";

/** What is enqueued from now on, as `queue key`; what was there before has been told. */
async function watchQueues(rig: ControllerRig) {
  const seen: string[] = [];
  const forgotten: string[] = [];
  const into =
    (queue: string) =>
    (key: string): void => {
      seen.push(`${queue} ${key}`);
    };
  const queues: Queues = {
    reel: into("reel"),
    cloudApi: into("cloudApi"),
    batch: into("batch"),
    binding: into("binding"),
    account: into("account"),
  };
  wire(rig.cluster, queues, { forget: (reel) => forgotten.push(reel) });
  seen.length = 0;
  return { seen, forgotten };
}

describe("what wakes whom", () => {
  it("is not a ConfigMap that is told again and has not changed", async () => {
    using rig = await ControllerRig.start();
    const { reels, configMaps } = rig.cluster;
    await reels.client.create({
      apiVersion: API_VERSION,
      kind: "Reel",
      metadata: { name: "d1" },
      spec: { batchId: "D1", manifest: { configMap: { name: "m", key: "k" } } },
    });
    const metadata = { namespace: "certferry-system", name: "m" };
    await configMaps.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata });
    await until(() => configMaps.cache.list().length === 1 && reels.cache.list().length === 1);
    const { forgotten } = await watchQueues(rig);
    forgotten.length = 0;
    await rig.clock.advance(12 * 3_600_000);
    expect(forgotten).toEqual([]);
    await configMaps.client.update(await configMaps.client.get(metadata));
    await until(() => forgotten.length > 0);
    expect(forgotten).toEqual(["d1"]);
  });

  it("is the ConfigMap of what may be bound, for batches that were not allowed and no others", async () => {
    using rig = await ControllerRig.start();
    const { batches, configMaps } = rig.cluster;
    for (const [name, reason] of [
      ["refused", "NotAllowed"],
      ["waits", "ReelNotFound"],
    ] as const) {
      const batch = await rig.batch("acme", name, name);
      const lastTransitionTime = "2026-01-01T00:00:00Z";
      const bound = { type: "Bound", status: "False", reason, message: "", lastTransitionTime } as const;
      await batches.client.updateStatus({ ...batch, status: { conditions: [bound] } });
    }
    await until(() => batches.cache.list().filter(({ status }) => status !== undefined).length === 2);
    const { seen } = await watchQueues(rig);
    const metadata = { namespace: "certferry-system", name: "certferry-reel-content" };
    const rules = await configMaps.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata });
    await until(() => seen.includes("batch acme/refused"));
    seen.length = 0;
    await configMaps.client.update({ ...rules, data: { issuers: "CN=One" } });
    await until(() => seen.length > 0);
    await configMaps.client.create({ ...rules, metadata: { ...metadata, name: "other" } });
    await until(() => configMaps.cache.list().length === 2);
    expect(seen).toEqual(["batch acme/refused"]);
  });

  it("is no CloudApi whose status moves for a batch, before it is connected or no more so", async () => {
    using rig = await ControllerRig.start();
    const { cloudApis, batches } = rig.cluster;
    const api = await rig.azure("acme", "az");
    await rig.batch("acme", "b", "D1");
    await until(() => cloudApis.cache.list().length === 1 && batches.cache.list().length === 1);
    const { seen } = await watchQueues(rig);
    const condition = { type: "Ready", lastTransitionTime: "2026-01-01T00:00:00Z", message: "" };
    let last: CloudApi = api;
    const write = async (devicesProvisioned: number, status: "True" | "False"): Promise<string[]> => {
      seen.length = 0;
      const conditions = [{ ...condition, status, reason: status === "True" ? "Connected" : "Timeout" }];
      last = await cloudApis.client.updateStatus({ ...last, status: { devicesProvisioned, conditions } });
      await until(() => seen.includes("cloudApi acme/az"));
      return seen.filter((each) => each.startsWith("batch"));
    };
    expect(await write(0, "True")).toEqual(["batch acme/b"]);
    expect(await write(1, "True")).toEqual([]);
    expect(await write(1, "False")).toEqual(["batch acme/b"]);
    seen.length = 0;
    last = await cloudApis.client.update({ ...last, spec: { ...last.spec, suspend: true } });
    await until(() => seen.includes("cloudApi acme/az"));
    expect(seen).toContain("batch acme/b");
  });

  it("is a batch for its account when it comes, and a namespace when it does or becomes an account", async () => {
    using rig = await ControllerRig.start();
    const { seen } = await watchQueues(rig);
    const { namespaces, batches } = rig.cluster;
    const accounts = () => seen.filter((each) => each.startsWith("account"));
    await namespaces.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "acme" } });
    const batch = await rig.batch("acme", "b", "D1");
    await until(() => accounts().length === 2);
    await batches.client.updateStatus({ ...batch, status: { failedDevices: 1 } });
    const namespace = await namespaces.client.get({ name: "acme" });
    await namespaces.client.update({ ...namespace, status: { phase: "Active" } });
    await until(() => namespaces.cache.get("acme")?.status?.phase === "Active");
    await until(() => batches.cache.get("acme/b")?.status?.failedDevices === 1);
    expect(accounts()).toHaveLength(2);
    const again = await namespaces.client.get({ name: "acme" });
    const labels = { "certferry.dev/account": "true" };
    await namespaces.client.update({ ...again, metadata: { ...again.metadata, labels } });
    await until(() => accounts().length === 3);
    expect(accounts()[2]).toBe("account acme");
  });
});
