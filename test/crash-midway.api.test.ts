import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";
import { ApiProxy } from "./proxy/api-proxy.ts";
import { type Strike, strikesAt, WriteWatch } from "./proxy/strike.ts";

describe("an operator that is killed", () => {
  let field: Field;
  let proxy: ApiProxy;
  let operator: OperatorProcess;

  beforeAll(async () => {
    field = await Field.open();
    proxy = await ApiProxy.start(field.plane.kubeconfig);
    operator = await fresh();
  });

  afterAll(async () => {
    await field.close();
    await proxy.stop();
  });

  async function fresh(): Promise<OperatorProcess> {
    return field.operator({ kubeconfig: proxy.kubeconfig, leaderElect: false });
  }

  async function replaced(): Promise<void> {
    await operator.kill();
    operator = await fresh();
  }

  async function account(name: string): Promise<TestCloud> {
    await field.account(name);
    const cloud = await field.cloud(name);
    await field.awsApi(name, "cloud", cloud, { default: true });
    await field.awaitApi(name, "cloud", "True");
    return cloud;
  }

  function serialsIn(cloud: TestCloud): string[] {
    return cloud.registry
      .list()
      .map(({ serial }) => serial.toUpperCase())
      .sort();
  }

  async function ledgersOf(reel: string): Promise<number[]> {
    const { items } = await field.ledgers.list({ labelSelector: `certferry.dev/reel=${reel}` });
    return items.map(({ spec }) => spec.counts.provisioned);
  }

  describe("while a cloud is at work for it", () => {
    it.each([
      { did: "before the cloud did anything", afterWork: false },
      { did: "after the cloud let the devices in, before it said so", afterWork: true },
    ])("is replaced without a loss: $did", async ({ afterWork }) => {
      const id = afterWork ? "after" : "before";
      const cloud = await account(id);
      const devices = await field.ship(id, 3);
      cloud.fail({ kind: "hang", afterWork });
      await field.batch(id, "batch", { batchId: id });
      await eventually(
        () => cloud.received.of("provision").length === 1 && serialsIn(cloud).length === (afterWork ? 3 : 0),
        { what: "the cloud is at it" },
      );
      expect((await field.bindings.get({ name: id })).spec).toMatchObject({ defaultCloudApi: "cloud" });
      await replaced();
      const batch = await field.awaitReady(id, "batch");
      expect(batch.status).toMatchObject({ provisionedDevices: 3, failedDevices: 0 });
      expect(serialsIn(cloud)).toEqual(devices.map(({ serial }) => serial).sort());
      expect(devices.map(({ deviceId }) => cloud.received.times(deviceId))).toEqual([2, 2, 2]);
      expect(await ledgersOf(id)).toEqual([3]);
    });

    it("again and again loses no device, and repeats no more than what was not written down yet", async () => {
      const id = "often";
      const cloud = await account(id);
      cloud.manners = { msPerDevice: 15 };
      const devices = await field.ship(id, 200);
      await field.batch(id, "batch", { batchId: id });
      for (let part = 1; part <= 4; part += 1) {
        await eventually(() => serialsIn(cloud).length >= part * 35, {
          interval: 20,
          what: `part ${part} is in`,
        });
        await replaced();
      }
      const batch = await field.awaitReady(id, "batch", 60_000);
      expect(batch.status).toMatchObject({ provisionedDevices: 200, failedDevices: 0 });
      expect(serialsIn(cloud)).toEqual(devices.map(({ serial }) => serial).sort());
      const sent = devices.reduce((sum, { deviceId }) => sum + cloud.received.times(deviceId), 0);
      // A checkpoint a second, and what was under way: some 70 devices at this pace, each of four times.
      expect(sent).toBeLessThan(200 + 4 * 120);
    }, 240_000);
  });

  describe("while it lets a reel go", () => {
    let count = 0;

    /** A batch whose two devices are in its cloud. */
    async function provisioned(): Promise<{ id: string; cloud: TestCloud }> {
      count += 1;
      const id = `gone${count}`;
      const cloud = await account(id);
      await field.ship(id, 2);
      await field.batch(id, "batch", { batchId: id });
      await field.awaitReady(id, "batch");
      await field.awaitReel(id, "True", "Bound");
      return { id, cloud };
    }

    /** Does something about a job, has the operator killed in the midst of what follows, and replaces it. */
    async function struckIn(
      id: string,
      strike: Strike | undefined,
      act: () => Promise<void>,
      ended: (signal: AbortSignal) => Promise<boolean>,
    ): Promise<WriteWatch> {
      const watch = new WriteWatch(proxy, id, strike, () => operator.kill());
      await act();
      await eventually(async (signal) => watch.struck || (await ended(signal)), {
        what: `${id}: struck ${strike?.when ?? "never"} ${strike?.write ?? ""}, or ended without that`,
      });
      watch.end();
      if (watch.struck) operator = await fresh();
      await eventually(ended, { what: `${id} comes to its end` });
      return watch;
    }

    async function batchGone(id: string, strike?: Strike): Promise<WriteWatch> {
      return struckIn(
        id,
        strike,
        () => field.batches.delete({ namespace: id, name: "batch" }),
        async (signal) => (await field.batches.find({ namespace: id, name: "batch" }, signal)) === undefined,
      );
    }

    async function bindingGone(id: string, strike?: Strike): Promise<WriteWatch> {
      return struckIn(
        id,
        strike,
        () => field.bindings.delete({ name: id }),
        async (signal) => (await field.bindings.find({ name: id }, signal)) === undefined,
      );
    }

    it("leaves the reel with the account and its ledgers as they were, at whichever write of a batch's deletion", async () => {
      const whole = await provisioned();
      const needed = ["PUT reelbindings 1", "PATCH devicebatches 1"];
      const seen = (await batchGone(whole.id)).done.map(({ name }) => name);
      expect(seen.filter((name) => needed.includes(name))).toEqual(needed);
      const struck: string[] = [];
      for (const strike of strikesAt([...needed, ...seen])) {
        const why = `${strike.when} ${strike.write}`;
        const { id, cloud } = await provisioned();
        if ((await batchGone(id, strike)).struck) struck.push(why);
        const { spec } = await field.bindings.get({ name: id });
        expect(spec, why).toMatchObject({ account: id, defaultCloudApi: "cloud" });
        expect(spec.batch, why).toBeUndefined();
        expect(await ledgersOf(id), why).toEqual([2]);
        await field.batch(id, "next", { batchId: id });
        await field.awaitReady(id, "next");
        expect(cloud.received.of("provision"), why).toHaveLength(1);
      }
      expect(struck).toEqual(
        expect.arrayContaining(strikesAt(needed).map(({ write, when }) => `${when} ${write}`)),
      );
    }, 240_000);

    it("takes binding and ledgers away and lets the reel be bound anew, at whichever write of a release", async () => {
      const whole = await provisioned();
      await batchGone(whole.id);
      const needed = ["DELETE provisioningledgers 1", "PATCH reelbindings 1"];
      const seen = (await bindingGone(whole.id)).done.map(({ name }) => name);
      expect(seen.filter((name) => needed.includes(name))).toEqual(needed);
      const struck: string[] = [];
      for (const strike of strikesAt([...needed, ...seen])) {
        const why = `${strike.when} ${strike.write}`;
        const { id, cloud } = await provisioned();
        await batchGone(id);
        if ((await bindingGone(id, strike)).struck) struck.push(why);
        expect(await ledgersOf(id), why).toEqual([]);
        await field.awaitReel(id, "True", "Available");
        await field.batch(id, "next", { batchId: id });
        await field.awaitReady(id, "next");
        expect(await ledgersOf(id), why).toEqual([2]);
        expect(cloud.received.of("provision"), why).toHaveLength(2);
      }
      expect(struck).toEqual(
        expect.arrayContaining(strikesAt(needed).map(({ write, when }) => `${when} ${write}`)),
      );
    }, 240_000);
  });
});
