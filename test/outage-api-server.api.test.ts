import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FactoryDevice } from "../tools/factory/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

let field: Field;
let operator: OperatorProcess;

beforeAll(async () => {
  // Without its cache of watches, the API server has only the history that etcd has: compaction takes it away.
  field = await Field.open({ extraArgs: ["--watch-cache=false"] });
  operator = await field.operator();
});

afterAll(async () => {
  await field.close();
});

/** A reel of 20 devices on its way into a slow cloud, a request each, two at a time. */
async function underWay(account: string, batchId: string, latencyMs = 400) {
  const site = await Site.open(field, account);
  const cloud = await site.aws("aws", { limits: { maxDevicesPerRequest: 1, maxInFlight: 2 } });
  cloud.manners = { latencyMs };
  const devices = await field.ship(batchId, 20);
  await site.bind(batchId, ["aws"]);
  await eventually(() => cloud.registry.counts().devices >= 3, { interval: 20 });
  return { site, cloud, devices };
}

function pushes(cloud: TestCloud, devices: readonly FactoryDevice[]): number[] {
  return devices.map(({ serial }) => cloud.registry.pushes(serial));
}

const ONCE = Array.from({ length: 20 }, () => 1);

// The operators after the second test hold no lease: whether an API server is back before one is lost is a
// matter of the machine's speed.
describe("while provisioning is under way", () => {
  it("the API server may hang for five seconds: work goes on, and nothing is sent twice", async () => {
    const { site, cloud, devices } = await underWay("hung", "D001");
    const before = cloud.registry.counts().devices;
    field.plane.pause();
    try {
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    } finally {
      field.plane.resume();
    }
    expect(cloud.registry.counts().devices).toBeGreaterThan(before);
    await site.ready("D001");
    expect(pushes(cloud, devices)).toEqual(ONCE);
    expect(operator.ending).toBeUndefined();
  });

  it("the API server may hang for longer than a lease bears: the operator ends itself and sends nothing more", async () => {
    const { cloud } = await underWay("lost-lease", "D007", 1_500);
    field.plane.pause();
    try {
      const ending = await eventually(() => operator.ending, {
        deadline: 20_000,
        what: "the operator has ended",
      });
      expect(ending).toMatchObject({ code: 1 });
    } finally {
      field.plane.resume();
    }
    expect(operator.lastWords()).toContain("the lease was not renewed");
    await eventually(() => cloud.received.inFlight === 0);
    expect(cloud.received.of("provision").length).toBeLessThan(20);
    // What it did not get to write down is little: sending had stopped when nothing could be written any more.
    const { items } = await field.ledgers.list({ labelSelector: "certferry.dev/reel=d007" });
    const unwritten = cloud.registry.counts().devices - (items[0]?.spec.counts.provisioned ?? 0);
    expect(unwritten).toBeLessThanOrEqual(2 + 6 * 2);
    operator = await field.operator({ leaderElect: false });
  });

  it("the account's namespace may be deleted: sending stops, and made again, the account goes on where it was", async () => {
    const { site, cloud, devices } = await underWay("leaving", "D002", 1_500);
    const { spec: link } = await field.cloudApis.get({ namespace: "leaving", name: "aws" });
    await field.namespaces.delete({ name: "leaving" });
    await eventually(
      async (signal) => (await field.namespaces.find({ name: "leaving" }, signal)) === undefined,
      {
        what: "the namespace is gone",
      },
    );
    const { spec } = await field.bindings.get({ name: "d002" });
    expect(spec).toMatchObject({ account: "leaving", devices: 20 });
    expect(spec.batch).toBeUndefined();
    await eventually(() => cloud.received.inFlight === 0);
    const sent = cloud.received.of("provision").length;
    expect(sent).toBeLessThan(20);
    const [chunk] = await field.ledgers
      .list({ labelSelector: "certferry.dev/reel=d002" })
      .then(({ items }) => items);
    expect(chunk?.spec.counts.provisioned).toBe(cloud.registry.counts().devices);

    await field.account("leaving");
    cloud.manners = {};
    await field.api("leaving", "aws", link);
    await site.bind("D002", ["aws"]);
    await site.ready("D002");
    expect(pushes(cloud, devices)).toEqual(ONCE);
  });

  it("the API server may be started anew, and die and come back", async () => {
    const { site, cloud, devices } = await underWay("restarted", "D003", 500);
    await field.plane.restart();
    await eventually(
      async () => (await field.batches.get({ namespace: "restarted", name: "d003" })) !== undefined,
    );
    await field.plane.kill();
    await eventually(() => cloud.received.inFlight > 0 || cloud.registry.counts().devices === 20);
    await field.plane.restart();
    const batch = await site.ready("D003", 60_000);
    expect(batch.status).toMatchObject({ provisionedDevices: 20 });
    expect(pushes(cloud, devices)).toEqual(ONCE);
    expect(operator.ending).toBeUndefined();
    // What is declared from now on is seen.
    const next = await field.ship("D004", 2);
    await site.bind("D004", ["aws"]);
    await site.ready("D004", 60_000);
    expect(pushes(cloud, next)).toEqual([1, 1]);
  });

  it("watches may be compacted away: what was missed is found out by listing anew", async () => {
    const site = await Site.open(field, "compacted");
    const cloud = await site.aws("aws");
    const other = await site.azure("azure");
    await field.ship("D005", 3);
    const devices = await field.ship("D006", 2);
    await site.bind("D005", ["aws"]);
    await site.ready("D005");
    const relisted = new Promise<void>((resolve) => {
      const stop = operator.onLog(({ msg }) => {
        if (msg?.includes("fallen too far behind") !== true) return;
        stop();
        resolve();
      });
    });
    operator.pause();
    try {
      // What happens meanwhile, deletions too, is in no history any more when the operator looks again.
      await site.edit("D005", { cloudApis: [{ name: "aws" }, { name: "azure" }] });
      await site.bind("D006", ["aws"]);
      await field.account("short-lived");
      await field.namespaces.delete({ name: "short-lived" });
      await field.plane.compact();
      await field.plane.restart();
    } finally {
      operator.resume();
    }
    await relisted;
    await site.ready("D006", 60_000);
    await site.ready("D005", 60_000);
    expect(other.registry.counts()).toMatchObject({ devices: 3, pushes: 3 });
    expect(pushes(cloud, devices)).toEqual([1, 1]);
    expect(cloud.registry.counts()).toMatchObject({ devices: 5, pushes: 5 });
  });
});
