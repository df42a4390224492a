import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FINALIZER } from "../crds/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";
import { ApiProxy } from "./proxy/api-proxy.ts";

describe("letting a reel go", () => {
  let field: Field;
  let proxy: ApiProxy;
  let operator: OperatorProcess;
  const clouds = new Map<string, TestCloud>();

  beforeAll(async () => {
    field = await Field.open();
    proxy = await ApiProxy.start(field.plane.kubeconfig);
    operator = await field.operator({ kubeconfig: proxy.kubeconfig });
    for (const account of ["acme", "zeta"]) {
      await field.account(account);
      const cloud = await field.cloud(account);
      clouds.set(account, cloud);
      await field.awsApi(account, "cloud", cloud);
    }
  });

  afterAll(async () => {
    await field.close();
    await proxy.stop();
  });

  const into = { cloudApis: [{ name: "cloud" }] };
  const unbound = { type: "Bound", status: "False" } as const;

  function cloudOf(account: string): TestCloud {
    const cloud = clouds.get(account);
    if (cloud === undefined) throw new Error(`${account} has no cloud`);
    return cloud;
  }

  function pushed(account: string): number {
    return cloudOf(account).received.of("provision").length;
  }

  async function gone(name: string): Promise<void> {
    await eventually(async (signal) => (await field.bindings.find({ name }, signal)) === undefined, {
      what: `binding ${name} is gone`,
    });
  }

  async function ledgersOf(reel: string): Promise<string[]> {
    const { items } = await field.ledgers.list({ labelSelector: `certferry.dev/reel=${reel}` });
    return items.map(({ spec }) => `${spec.account} ${spec.counts.provisioned}`);
  }

  it("keeps a deleted batch's reel with the account, whose next batch takes it up without pushing again", async () => {
    await field.ship("KEEP-1", 3);
    await field.batch("acme", "first", { batchId: "KEEP-1", ...into });
    const before = await field.awaitReady("acme", "first");
    const { spec: was } = await field.bindings.get({ name: "keep-1" });
    const calls = pushed("acme");

    await field.deleteBatch("acme", "first");
    const kept = await field.bindings.get({ name: "keep-1" });
    const { batch: _batch, ...rest } = was;
    expect(kept.spec).toEqual(rest);
    expect(kept.metadata.deletionTimestamp).toBeUndefined();
    expect(await ledgersOf("keep-1")).toEqual(["acme 3"]);
    await field.awaitReel("KEEP-1", "True", "Bound");

    await field.batch("zeta", "theirs", { batchId: "KEEP-1", ...into });
    const refused = await field.awaitBatch("zeta", "theirs", { ...unbound, reason: "AlreadyBound" });
    expect(JSON.stringify(refused.status)).not.toContain("acme");

    await field.batch("acme", "second", { batchId: "keep-1", ...into });
    const after = await field.awaitReady("acme", "second");
    expect(after.status).toMatchObject({
      boundAt: before.status?.boundAt,
      provisionedAt: before.status?.provisionedAt,
      boundDevices: 3,
      provisionedDevices: 3,
    });
    expect((await field.bindings.get({ name: "keep-1" })).spec).toEqual({ ...was, batch: "second" });
    expect(pushed("acme")).toBe(calls);
    expect(pushed("zeta")).toBe(0);
  });

  it("hands the reel to the account's other batch that was told AlreadyBound, when the holder goes", async () => {
    await field.ship("HAND-1", 1);
    await field.batch("acme", "holder", { batchId: "HAND-1", ...into });
    await field.awaitReady("acme", "holder");
    await field.batch("acme", "heir", { batchId: "HAND-1", ...into });
    await field.awaitBatch("acme", "heir", { ...unbound, reason: "AlreadyBound" });
    const calls = pushed("acme");
    await field.deleteBatch("acme", "holder");
    await field.awaitReady("acme", "heir", 5_000);
    expect((await field.bindings.get({ name: "hand-1" })).spec).toMatchObject({ batch: "heir" });
    expect(pushed("acme")).toBe(calls);
  });

  it("releases a reel when an administrator deletes its binding, and only when no batch uses it", async () => {
    const devices = await field.ship("FREE-1", 2);
    await field.batch("acme", "free-1", { batchId: "FREE-1", ...into });
    await field.awaitReady("acme", "free-1");
    await field.batch("zeta", "free-1", { batchId: "FREE-1", ...into });
    await field.awaitBatch("zeta", "free-1", { ...unbound, reason: "AlreadyBound" });

    await expect(field.bindings.delete({ name: "free-1" })).rejects.toThrow(
      /in use by DeviceBatch free-1 .*delete that batch first/,
    );
    await field.deleteBatch("acme", "free-1");
    await field.bindings.delete({ name: "free-1" });
    const batch = await field.awaitReady("zeta", "free-1", 10_000);
    expect(batch.status).toMatchObject({ boundDevices: 2, provisionedDevices: 2 });
    expect((await field.bindings.get({ name: "free-1" })).spec).toMatchObject({
      account: "zeta",
      batch: "free-1",
    });
    expect(await ledgersOf("free-1")).toEqual(["zeta 2"]);
    const there = cloudOf("zeta").registry.list();
    expect(there.map(({ serial }) => serial.toUpperCase())).toEqual(
      expect.arrayContaining(devices.map(({ serial }) => serial)),
    );
  });

  it("lets a released reel that nobody waits for be bound anew, with what its manifest holds then", async () => {
    await field.ship("ANEW-1", 1);
    await field.batch("acme", "anew-1", { batchId: "ANEW-1", ...into });
    await field.awaitReady("acme", "anew-1");
    await field.deleteBatch("acme", "anew-1");
    await field.bindings.delete({ name: "anew-1" });
    await gone("anew-1");
    await field.awaitReel("ANEW-1", "True", "Available");
    expect(await ledgersOf("anew-1")).toEqual([]);
    const calls = pushed("acme");
    await field.batch("acme", "anew-1", { batchId: "ANEW-1", ...into });
    await field.awaitReady("acme", "anew-1");
    expect(pushed("acme")).toBe(calls + 1);
  });

  it("never takes the ledgers of a reel's past for those of its new binding", async () => {
    await field.ship("PAST-1", 1);
    await field.batch("acme", "past-1", { batchId: "PAST-1", ...into });
    await field.awaitReady("acme", "past-1");
    await field.deleteBatch("acme", "past-1");
    const calls = pushed("acme");
    // From here on the operator is slow to hear of ledgers, while it hears of everything else at once.
    const letGo = proxy.hold("provisioningledgers");
    try {
      await field.bindings.delete({ name: "past-1" });
      await eventually(async () => (await ledgersOf("past-1")).length === 0, {
        what: "the ledgers are gone",
      });
      await field.batch("acme", "past-1", { batchId: "PAST-1", ...into });
      await expect(field.awaitReady("acme", "past-1", 2_000)).rejects.toThrow(/not so/);
    } finally {
      letGo();
    }
    await field.awaitReady("acme", "past-1");
    expect(pushed("acme")).toBe(calls + 1);
    expect(await ledgersOf("past-1")).toEqual(["acme 1"]);
  });

  it("frees a reel whose batch vanished without letting go, so that an administrator can release it", async () => {
    await field.ship("LOST-1", 1);
    await field.batch("acme", "lost-1", { batchId: "LOST-1", provisioning: "Manual" });
    await field.awaitReady("acme", "lost-1");
    // Somebody takes the finalizer off by hand while no operator is there to see the batch go.
    await operator.stop();
    await field.batches.delete({ namespace: "acme", name: "lost-1" });
    await field.batches.patch({ namespace: "acme", name: "lost-1" }, { metadata: { finalizers: null } });
    expect(await field.batches.find({ namespace: "acme", name: "lost-1" })).toBeUndefined();
    operator = await field.operator({ kubeconfig: proxy.kubeconfig });
    await eventually(
      async (signal) => (await field.bindings.get({ name: "lost-1" }, signal)).spec.batch === undefined,
      { what: "the binding names the vanished batch no more" },
    );
    await field.bindings.delete({ name: "lost-1" });
    await gone("lost-1");
  });

  it("takes a deleted batch's devices out of nothing that cannot do it: it waits, and goes with Retain", async () => {
    await field.ship("OUT-1", 2);
    await field.batch("acme", "out-1", { batchId: "OUT-1", ...into, deletionPolicy: "Deprovision" });
    await field.awaitReady("acme", "out-1");
    const calls = pushed("acme");
    await field.batches.delete({ namespace: "acme", name: "out-1" });
    const held = await field.awaitBatch("acme", "out-1", {
      type: "Stalled",
      status: "True",
      reason: "DeprovisionUnsupported",
    });
    const message = held.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toMatch(/still in cloud.*spec\.deletionPolicy to Retain/);
    expect(held.status?.clouds).toMatchObject([
      { name: "cloud", state: "Blocked", provisioned: 2, pending: 0 },
    ]);
    const about = { kind: "DeviceBatch", namespace: "acme", name: "out-1" };
    expect((await eventsAbout(field.client, about)).join("\n")).toContain("Warning DeprovisionUnsupported");
    await expect(field.bindings.delete({ name: "out-1" })).rejects.toThrow(/in use/);

    await field.batches.patch({ namespace: "acme", name: "out-1" }, { spec: { deletionPolicy: "Retain" } });
    await eventually(
      async (signal) =>
        (await field.batches.find({ namespace: "acme", name: "out-1" }, signal)) === undefined,
      { deadline: 5_000, what: "the batch is gone" },
    );
    expect(await ledgersOf("out-1")).toEqual(["acme 2"]);
    expect(pushed("acme")).toBe(calls);
  });

  it("lets a batch with Deprovision go at once when none of its devices is in a cloud", async () => {
    await field.ship("OUT-2", 1);
    await field.batch("acme", "out-2", {
      batchId: "OUT-2",
      provisioning: "Manual",
      deletionPolicy: "Deprovision",
    });
    await field.awaitReady("acme", "out-2");
    await field.deleteBatch("acme", "out-2");
    expect(await field.bindings.find({ name: "out-2" })).toBeDefined();
  });

  it("holds a CloudApi that is deleted while a batch with Deprovision has devices in its cloud", async () => {
    const cloud = await field.cloud("acme");
    await field.awsApi("acme", "held", cloud, { region: "eu-south-1" });
    await field.ship("OUT-3", 1);
    await field.batch("acme", "out-3", {
      batchId: "OUT-3",
      cloudApis: [{ name: "held" }],
      deletionPolicy: "Deprovision",
    });
    await field.awaitReady("acme", "out-3");
    const key = { namespace: "acme", name: "held" };
    await eventually(
      async (signal) => (await field.cloudApis.get(key, signal)).metadata.finalizers?.includes(FINALIZER),
      { deadline: 2_000, what: "the CloudApi is held" },
    );
    await field.cloudApis.delete(key);
    await eventually(async () =>
      (await eventsAbout(field.client, { kind: "CloudApi", ...key })).join("\n").includes("StillInUse"),
    );
    expect(
      (await field.awaitApi("acme", "held", "False", "StillInUse")).metadata.deletionTimestamp,
    ).toBeDefined();
    await field.batches.patch({ namespace: "acme", name: "out-3" }, { spec: { deletionPolicy: "Retain" } });
    await eventually(async (signal) => (await field.cloudApis.find(key, signal)) === undefined, {
      deadline: 2_000,
      what: "the CloudApi is gone",
    });
  });
});
