import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceBatch, DeviceBatchSpecInput } from "../crds/index.ts";
import { CAPABILITIES } from "../interop/protocol/capabilities.ts";
import type { CloudOptions, TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

describe("taking devices out of a cloud that can do that", () => {
  let field: Field;
  let operator: OperatorProcess;
  let east: TestCloud;
  let west: TestCloud;

  beforeAll(async () => {
    field = await Field.open();
    [operator] = await Promise.all([field.operator({ leaderElect: true }), field.account("acme")]);
    [east, west] = await Promise.all([able("acme"), able("acme")]);
    await field.awsApi("acme", "east", east, { region: "us-east-1" });
    await field.awsApi("acme", "west", west, { region: "us-west-2" });
  });

  afterAll(async () => {
    await field.close();
  });

  /** A cloud that offers what Certferry's own callee offers. */
  async function able(account: string, options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    return field.cloud(account, { capabilities: CAPABILITIES, ...options });
  }

  async function change(name: string, spec: Partial<DeviceBatchSpecInput>): Promise<DeviceBatch> {
    return field.batches.patch({ namespace: "acme", name }, { spec });
  }

  async function gone(account: string, name: string, deadline = 15_000): Promise<void> {
    await eventually(
      async (signal) => (await field.batches.find({ namespace: account, name }, signal)) === undefined,
      { what: `batch ${account}/${name} is gone`, deadline },
    );
  }

  async function ledgersOf(reel: string): Promise<string[]> {
    const { items } = await field.ledgers.list({ labelSelector: `certferry.dev/reel=${reel}` });
    return items.map(({ spec }) => spec.target.cloudApi).sort();
  }

  /** Whom people were told to be out of a cloud, once it was told. */
  async function toldOut(name: string, times: number): Promise<string[]> {
    const about = { kind: "DeviceBatch", name, namespace: "acme" };
    return await eventually(
      async (signal) => {
        const told = await eventsAbout(field.client, about, signal);
        const out = told.filter((event) => event.includes(" Deprovisioned: "));
        return out.length >= times ? out.sort() : undefined;
      },
      { what: `it is told that devices of ${name} are out` },
    );
  }

  const serialsIn = (cloud: TestCloud): string[] => cloud.registry.list().map(({ serial }) => serial);
  const toEast = [{ name: "east" }];
  const toBoth = [{ name: "east" }, { name: "west" }];
  const deletionPolicy = "Deprovision";

  it("tells the cloud batch, device IDs and its wish for codes, since it offered to listen", async () => {
    await field.ship("TELL-1", 2);
    await field.batch("acme", "tell-1", { batchId: "TELL-1", cloudApis: toEast });
    await field.awaitReady("acme", "tell-1");
    const [request] = east.received.of("provision");
    expect(request?.members).toEqual([
      "action",
      "batch",
      "codes",
      "certs",
      "certs[].ref",
      "certs[].device",
      "certs[].cert",
    ]);
    expect(east.registry.list()).toMatchObject([{ batch: "TELL-1" }, { batch: "TELL-1" }]);
    const api = await field.cloudApis.get({ namespace: "acme", name: "east" });
    expect(api.status?.capabilities).toEqual(["batch", "codes", "status", "deprovision"]);
  });

  it("empties the clouds of a deleted batch before it goes, keeps the reel, and pushes anew for the next", async () => {
    const before = [...serialsIn(east)];
    const devices = await field.ship("OUT-1", 3);
    await field.batch("acme", "out-1", { batchId: "OUT-1", cloudApis: toBoth, deletionPolicy });
    await field.awaitReady("acme", "out-1");
    expect(serialsIn(west)).toHaveLength(3);

    await field.batches.delete({ namespace: "acme", name: "out-1" });
    await gone("acme", "out-1");
    expect(serialsIn(east)).toEqual(before);
    expect(serialsIn(west)).toEqual([]);
    expect(await ledgersOf("out-1")).toEqual([]);
    const { spec } = await field.bindings.get({ name: "out-1" });
    expect(spec).toMatchObject({ account: "acme" });
    expect(spec.batch).toBeUndefined();
    expect(await toldOut("out-1", 2)).toEqual([
      "Normal Deprovisioned: 3 devices are out of east",
      "Normal Deprovisioned: 3 devices are out of west",
    ]);

    await field.batch("acme", "out-1-again", { batchId: "OUT-1", cloudApis: [{ name: "west" }] });
    await field.awaitReady("acme", "out-1-again");
    expect(serialsIn(west).sort()).toEqual(devices.map(({ serial }) => serial).sort());
  });

  it("empties a cloud that is removed from a batch, and leaves the others alone", async () => {
    await field.ship("OUT-2", 2);
    await field.batch("acme", "out-2", { batchId: "OUT-2", cloudApis: toBoth, deletionPolicy });
    await field.awaitReady("acme", "out-2");
    const calls = east.received.of("provision").length;
    const there = serialsIn(west).length;
    await change("out-2", { cloudApis: toEast });
    const batch = await field.awaitReady("acme", "out-2");
    expect(batch.status?.clouds?.map(({ name, state }) => `${name} ${state}`)).toEqual(["east Provisioned"]);
    expect(serialsIn(west)).toHaveLength(there - 2);
    expect(await ledgersOf("out-2")).toEqual(["east"]);
    expect(await toldOut("out-2", 1)).toEqual(["Normal Deprovisioned: 2 devices are out of west"]);
    expect(east.received.of("provision")).toHaveLength(calls);

    await change("out-2", { cloudApis: toBoth });
    await eventually(() => serialsIn(west).length === there, { what: "they are in again" });
    await field.awaitReady("acme", "out-2");
  });

  it("waits for a cloud that is down, says so and when the next try is, and goes on by itself", async () => {
    const cloud = await able("acme");
    await field.awsApi("acme", "shaky", cloud, { region: "eu-north-1" });
    await field.ship("OUT-3", 2);
    await field.batch("acme", "out-3", { batchId: "OUT-3", cloudApis: [{ name: "shaky" }], deletionPolicy });
    await field.awaitReady("acme", "out-3");
    await cloud.down();
    await field.batches.delete({ namespace: "acme", name: "out-3" });
    const held = await field.awaitBatch("acme", "out-3", {
      type: "Ready",
      status: "False",
      reason: "DeprovisionBlocked",
    });
    const message = held.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toMatch(/^2 devices are still in shaky.*ConnectionRefused.*next try at/);
    expect(await field.bindings.get({ name: "out-3" })).toMatchObject({ spec: { batch: "out-3" } });
    await cloud.up();
    await gone("acme", "out-3", 60_000);
    expect(serialsIn(cloud)).toEqual([]);
  });

  it("calls nobody provisioned whom a cloud may have taken out whose answers were lost", async () => {
    const cloud = await able("acme");
    await field.awsApi("acme", "mute", cloud, { region: "eu-south-1" });
    await field.ship("OUT-8", 2);
    await field.batch("acme", "out-8", { batchId: "OUT-8", cloudApis: [{ name: "mute" }], deletionPolicy });
    await field.awaitReady("acme", "out-8");
    cloud.fail({ kind: "reset", afterWork: true }, { times: 1_000, on: "deprovision" });
    await field.batches.delete({ namespace: "acme", name: "out-8" });
    await eventually(() => serialsIn(cloud).length === 0, { what: "they are out" });
    await cloud.down();
    const held = await field.awaitBatch("acme", "out-8", {
      type: "Provisioned",
      status: "False",
      reason: "DeprovisionBlocked",
    });
    expect(held.status?.clouds).toMatchObject([
      { name: "mute", state: "Blocked", provisioned: 0, pending: 2 },
    ]);
    expect(held.status).not.toHaveProperty("provisionedDevices");
    cloud.heal();
    await cloud.up();
    await gone("acme", "out-8", 60_000);
    expect(await ledgersOf("out-8")).toEqual([]);
  });

  it("goes on after the operator was killed half-way", async () => {
    const cloud = await able("acme", { manners: { latencyMs: 300 } });
    const limits = { maxDevicesPerRequest: 2, maxInFlight: 1 };
    await field.awsApi("acme", "slow", cloud, { region: "eu-south-2", limits });
    await field.ship("OUT-4", 24);
    await field.batch("acme", "out-4", { batchId: "OUT-4", cloudApis: [{ name: "slow" }], deletionPolicy });
    await field.awaitReady("acme", "out-4");
    await field.batches.delete({ namespace: "acme", name: "out-4" });
    await eventually(
      async (signal) => {
        const batch = await field.batches.get({ namespace: "acme", name: "out-4" }, signal);
        const [line] = batch.status?.clouds ?? [];
        return line?.state === "Deprovisioning" && (line.provisioned ?? 24) + (line.pending ?? 24) < 24;
      },
      { what: "some devices are out, and the status says so" },
    );
    await operator.kill();
    expect(serialsIn(cloud).length).toBeGreaterThan(0);
    operator = await field.operator({ leaderElect: true });
    await gone("acme", "out-4", 60_000);
    expect(serialsIn(cloud)).toEqual([]);
    expect(await ledgersOf("out-4")).toEqual([]);
    const sent = cloud.received.of("deprovision").flatMap(({ refs }) => refs);
    // At most what was under way or not yet written went twice: 24, and some of the seconds before the end.
    expect(sent.length).toBeLessThanOrEqual(24 + 2 * 2 * 4);
  });

  it("holds a CloudApi that is deleted first until the devices are out, and lets both go", async () => {
    const cloud = await able("acme");
    await field.awsApi("acme", "first", cloud, { region: "eu-central-2" });
    await field.ship("OUT-5", 2);
    await field.batch("acme", "out-5", { batchId: "OUT-5", cloudApis: [{ name: "first" }], deletionPolicy });
    await field.awaitReady("acme", "out-5");
    const key = { namespace: "acme", name: "first" };
    await eventually(
      async (signal) => ((await field.cloudApis.get(key, signal)).metadata.finalizers ?? []).length > 0,
      { what: "the CloudApi is held" },
    );
    await field.cloudApis.delete(key);
    await field.awaitApi("acme", "first", "False", "StillInUse");
    expect(serialsIn(cloud)).toHaveLength(2);
    await field.batches.delete({ namespace: "acme", name: "out-5" });
    await gone("acme", "out-5");
    await eventually(async (signal) => (await field.cloudApis.find(key, signal)) === undefined, {
      what: "the CloudApi is gone",
    });
    expect(serialsIn(cloud)).toEqual([]);
  });

  it("empties the clouds of a namespace that goes as a whole, as far as its credentials allow", async () => {
    await field.account("leaving");
    const basic = { username: "user", password: "secret-of-leaving" };
    const [mine, theirs] = await Promise.all([able("leaving"), able("leaving", { basic })]);
    await field.awsApi("leaving", "mine", mine);
    await field.otherApi("leaving", "theirs", theirs, basic);
    await field.ship("OUT-6", 2);
    await field.ship("OUT-7", 1);
    await field.batch("leaving", "out-6", {
      batchId: "OUT-6",
      cloudApis: [{ name: "mine" }],
      deletionPolicy,
    });
    await field.batch("leaving", "out-7", {
      batchId: "OUT-7",
      cloudApis: [{ name: "theirs" }],
      deletionPolicy,
    });
    await field.awaitReady("leaving", "out-6");
    await field.awaitReady("leaving", "out-7");
    await field.namespaces.delete({ name: "leaving" });
    await eventually(
      async (signal) => (await field.namespaces.find({ name: "leaving" }, signal)) === undefined,
      { what: "the namespace is gone", deadline: 60_000 },
    );
    expect(serialsIn(mine)).toEqual([]);
    // Its Secret may have gone first, or the devices: one or the other, and nothing in between goes unsaid.
    const told = await eventsAbout(field.client, { kind: "ReelBinding", name: "out-7" });
    const leftBehind = told.some((event) => event.includes("DevicesLeftBehind"));
    expect(serialsIn(theirs).length).toBe(leftBehind ? 1 : 0);
    for (const name of ["out-6", "out-7"]) {
      expect((await field.bindings.get({ name })).spec.batch).toBeUndefined();
    }
  });
});
