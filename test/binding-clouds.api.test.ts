import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceBatch, DeviceBatchSpecInput } from "../crds/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

describe("a bound batch that changes its clouds, or whose account goes", () => {
  let field: Field;
  let operator: OperatorProcess;
  let east: TestCloud;
  let west: TestCloud;

  beforeAll(async () => {
    field = await Field.open();
    [operator] = await Promise.all([field.operator(), field.account("acme")]);
    [east, west] = await Promise.all([field.cloud("acme"), field.cloud("acme")]);
    await field.awsApi("acme", "east", east, { region: "us-east-1" });
    await field.awsApi("acme", "west", west, { region: "us-west-2" });
  });

  afterAll(async () => {
    await field.close();
  });

  async function change(name: string, spec: Partial<DeviceBatchSpecInput>): Promise<DeviceBatch> {
    return field.batches.patch({ namespace: "acme", name }, { spec });
  }

  function linesOf(batch: DeviceBatch): string[] {
    return batch.status?.clouds?.map(({ name, state }) => `${name} ${state}`) ?? [];
  }

  async function awaitLines(name: string, wanted: readonly string[]): Promise<DeviceBatch> {
    return eventually(
      async (signal) => {
        const batch = await field.batches.get({ namespace: "acme", name }, signal);
        expect(linesOf(batch)).toEqual(wanted);
        return batch;
      },
      { what: `${name} has ${wanted.join(", ")}` },
    );
  }

  async function namespaceGone(name: string): Promise<void> {
    await eventually(async (signal) => (await field.namespaces.find({ name }, signal)) === undefined, {
      what: `namespace ${name} is gone`,
      deadline: 40_000,
    });
  }

  const toBoth = [{ name: "east" }, { name: "west" }];
  const toEast = [{ name: "east" }];

  it("leaves the devices where they are when a cloud is removed with Retain, and knows them when it comes back", async () => {
    await field.ship("MOVE-1", 2);
    await field.batch("acme", "move-1", { batchId: "MOVE-1", cloudApis: toBoth });
    const before = await field.awaitReady("acme", "move-1");
    const calls = west.received.of("provision").length;
    await change("move-1", { cloudApis: toEast });
    await awaitLines("move-1", ["east Provisioned"]);
    await field.awaitReady("acme", "move-1");
    expect(west.registry.list()).toHaveLength(2);
    await change("move-1", { cloudApis: toBoth });
    await awaitLines("move-1", ["east Provisioned", "west Provisioned"]);
    const after = await field.awaitReady("acme", "move-1");
    expect(after.status?.clouds).toEqual(before.status?.clouds);
    expect(west.received.of("provision")).toHaveLength(calls);
  });

  it("says what it cannot do when a cloud is removed with Deprovision, until the policy is Retain or it is back", async () => {
    await field.ship("MOVE-2", 2);
    const spec = { batchId: "MOVE-2", cloudApis: toBoth, deletionPolicy: "Deprovision" } as const;
    await field.batch("acme", "move-2", spec);
    await field.awaitReady("acme", "move-2");
    const stalled = { type: "Stalled", status: "True", reason: "DeprovisionUnsupported" } as const;

    await change("move-2", { cloudApis: toEast });
    const held = await field.awaitBatch("acme", "move-2", stalled);
    const message = held.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toMatch(/west.*cannot take devices out.*Retain/);
    expect(linesOf(held)).toEqual(["east Provisioned", "west Blocked"]);
    await change("move-2", { cloudApis: toBoth });
    await field.awaitReady("acme", "move-2");
    await change("move-2", { cloudApis: toEast });
    await field.awaitBatch("acme", "move-2", stalled);
    await change("move-2", { deletionPolicy: "Retain" });
    const ready = await field.awaitReady("acme", "move-2");
    expect(ready.status?.conditions?.map(({ type }) => type)).not.toContain("Stalled");
  });

  it("sends nothing while a bound batch is suspended, keeps its reel, and goes on afterwards", async () => {
    await field.ship("STOP-1", 2);
    await field.batch("acme", "stop-1", { batchId: "STOP-1", cloudApis: toEast });
    await field.awaitReady("acme", "stop-1");
    const binding = await field.bindings.get({ name: "stop-1" });
    const calls = west.received.of("provision").length;
    await change("stop-1", { suspend: true, cloudApis: toBoth });
    const held = await awaitLines("stop-1", ["east Provisioned", "west Suspended"]);
    const ready = held.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready).toMatchObject({ status: "False", reason: "Suspended" });
    expect(held.status?.conditions?.find(({ type }) => type === "Bound")?.status).toBe("True");
    expect(await field.bindings.get({ name: "stop-1" })).toEqual(binding);
    expect(west.received.of("provision")).toHaveLength(calls);
    await change("stop-1", { suspend: false });
    await field.awaitReady("acme", "stop-1");
    expect(west.received.of("provision")).toHaveLength(calls + 1);
  });

  it("refuses to have a bound batch name another reel or another slot", async () => {
    await field.ship("FIX-1", 1);
    await field.batch("acme", "fix-1", { batchId: "FIX-1", provisioning: "Manual" });
    await field.awaitReady("acme", "fix-1");
    await expect(change("fix-1", { batchId: "FIX-2" })).rejects.toThrow(/Create another DeviceBatch/);
    await expect(change("fix-1", { certificateSlot: "E0E1" })).rejects.toThrow(/certificateSlot/);
  });

  it("sends nothing more once a batch is deleted, though it has to wait for devices that are in already", async () => {
    const slow = await field.cloud("acme", { manners: { msPerDevice: 30 } });
    const limits = { maxDevicesPerRequest: 5, maxInFlight: 1 };
    await field.awsApi("acme", "slow", slow, { region: "ap-south-1", limits });
    await field.ship("MOVE-3", 100);
    await field.batch("acme", "move-3", {
      batchId: "MOVE-3",
      cloudApis: [{ name: "slow" }],
      deletionPolicy: "Deprovision",
    });
    await eventually(
      async (signal) => {
        const batch = await field.batches.get({ namespace: "acme", name: "move-3" }, signal);
        return (batch.status?.provisionedDevices ?? 0) > 0;
      },
      { what: "some devices are in" },
    );
    await field.batches.delete({ namespace: "acme", name: "move-3" });
    await field.awaitBatch("acme", "move-3", { type: "Stalled", status: "True" });
    await eventually(() => slow.received.inFlight === 0, { what: "the last request is answered" });
    const sent = slow.received.of("provision").length;
    expect(sent).toBeLessThan(20);
    // A request takes 150 ms: within a second more of them would have come.
    await expect(
      eventually(() => slow.received.of("provision").length > sent, { deadline: 1_000 }),
    ).rejects.toThrow(/not within/);
    const { items } = await field.ledgers.list({ labelSelector: "certferry.dev/reel=move-3" });
    expect(items.map(({ spec }) => spec.counts.provisioned)).toEqual([slow.registry.list().length]);
  });

  it("lets a namespace go quickly whose batches say Retain, and keeps their reels for the account", async () => {
    await field.account("brief");
    const cloud = await field.cloud("brief");
    await field.awsApi("brief", "cloud", cloud, { default: true });
    await field.ship("GONE-1", 1);
    await field.batch("brief", "gone-1", { batchId: "GONE-1" });
    await field.awaitReady("brief", "gone-1");
    await field.namespaces.delete({ name: "brief" });
    await namespaceGone("brief");
    const { spec } = await field.bindings.get({ name: "gone-1" });
    expect(spec).toMatchObject({ account: "brief" });
    expect(spec.batch).toBeUndefined();
  });

  it("never strands a namespace for Deprovision: the devices stay, and an Event says where", async () => {
    await field.account("stray");
    const cloud = await field.cloud("stray");
    await field.awsApi("stray", "cloud", cloud, { default: true });
    await field.ship("GONE-2", 1);
    await field.batch("stray", "gone-2", { batchId: "GONE-2", deletionPolicy: "Deprovision" });
    await field.awaitReady("stray", "gone-2");
    await field.namespaces.delete({ name: "stray" });
    await namespaceGone("stray");
    // A namespace that is going takes no Events, and those it has go with it: the record of the reel has it.
    const told = await eventually(async (signal) => {
      const events = await eventsAbout(field.client, { kind: "ReelBinding", name: "gone-2" }, signal);
      return events.find((event) => event.includes("DevicesLeftBehind"));
    });
    expect(told).toMatch(/^Warning DevicesLeftBehind: .*stray is going.* 1 devices .* left in cloud \(AWS/);
    expect((await field.bindings.get({ name: "gone-2" })).spec.batch).toBeUndefined();
    expect(cloud.registry.list()).toHaveLength(1);
  });

  it("frees a batch that already waits with Deprovision when its namespace goes after it", async () => {
    await field.account("slow");
    const cloud = await field.cloud("slow");
    await field.awsApi("slow", "cloud", cloud, { default: true });
    await field.ship("GONE-3", 1);
    await field.batch("slow", "gone-3", { batchId: "GONE-3", deletionPolicy: "Deprovision" });
    await field.awaitReady("slow", "gone-3");
    await field.batches.delete({ namespace: "slow", name: "gone-3" });
    await field.awaitBatch("slow", "gone-3", {
      type: "Stalled",
      status: "True",
      reason: "DeprovisionUnsupported",
    });
    // Not even the end of its CloudApi tells the operator: that is gone before.
    const cloudApi = { namespace: "slow", name: "cloud" };
    await field.cloudApis.delete(cloudApi);
    await field.cloudApis.patch(cloudApi, { metadata: { finalizers: null } });
    await operator.stop();
    operator = await field.operator();
    const about = { kind: "DeviceBatch", namespace: "slow", name: "gone-3" };
    await eventually(
      async (signal) => {
        const told = await eventsAbout(field.client, about, signal);
        return told.some((event) => event.includes("DeprovisionBlocked"));
      },
      { what: "the new operator has seen the batch and leaves it alone" },
    );
    await field.namespaces.delete({ name: "slow" });
    await namespaceGone("slow");
    expect((await field.bindings.get({ name: "gone-3" })).spec.batch).toBeUndefined();
  });
});
