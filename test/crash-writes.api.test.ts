import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";
import { ApiProxy } from "./proxy/api-proxy.ts";
import { type Strike, strikesAt, WriteWatch } from "./proxy/strike.ts";

/** One reel of two devices, for an account whose one cloud is its default. */
interface Job {
  readonly id: string;
  readonly cloud: TestCloud;
  readonly devices: readonly { deviceId: string; serial: string }[];
}

/** What a job cannot do without; each of these must have been struck at. */
const NEEDED = [
  "PATCH devicebatches 1",
  "POST reelbindings 1",
  "PUT reelbindings 1",
  "POST secrets 1",
  "PATCH configmaps 1",
  "POST provisioningledgers 1",
  "PUT provisioningledgers 1",
  "PUT devicebatches/status 1",
  "PUT reels/status 1",
  "PUT cloudapis/status 1",
];

describe("an operator that is killed at any of its writes", () => {
  let field: Field;
  let proxy: ApiProxy;
  let operator: OperatorProcess;
  let jobs = 0;

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

  /** Declares a new job, and has the operator killed in the midst of it where that is asked for. */
  async function begin(strike?: Strike): Promise<Job & { watch: WriteWatch }> {
    jobs += 1;
    const id = `job${jobs}`;
    const watch = new WriteWatch(proxy, id, strike, () => operator.kill());
    const cloud = await field.cloud(id);
    await field.account(id);
    await field.awsApi(id, "cloud", cloud, { default: true });
    const devices = await field.ship(id, 2);
    await field.batch(id, "batch", { batchId: id });
    return { id, cloud, devices, watch };
  }

  /** The end is the same whatever happened on the way. */
  async function expectDone({ id, cloud, devices }: Job, why: string): Promise<void> {
    const batch = await field.awaitReady(id, "batch");
    expect(batch.status, why).toMatchObject({
      boundDevices: 2,
      provisionedDevices: 2,
      failedDevices: 0,
      clouds: [{ name: "cloud", state: "Provisioned", provisioned: 2, pending: 0 }],
    });
    expect((await field.bindings.get({ name: id })).spec, why).toMatchObject({
      account: id,
      batch: "batch",
      devices: 2,
      defaultCloudApi: "cloud",
      boundAt: batch.status?.boundAt,
    });
    const { items } = await field.ledgers.list({ labelSelector: `certferry.dev/reel=${id}` });
    expect(
      items.map(({ spec }) => spec.counts),
      why,
    ).toEqual([{ provisioned: 2, failed: 0, pending: 0, quarantined: 0 }]);
    const serials = devices.map(({ serial }) => serial.toLowerCase()).sort();
    const there = cloud.registry.list().map(({ serial }) => serial.toLowerCase());
    expect(there.sort(), why).toEqual(serials);
    const times = devices.map(({ deviceId }) => cloud.received.times(deviceId));
    expect(Math.max(...times), `${why}: at most one call is made twice`).toBeLessThanOrEqual(2);
    await field.awaitReel(id, "True", "Bound");
    await field.awaitApi(id, "cloud", "True");
  }

  it("writes what it means to do before it does it, and is replaced at any point without a loss", async () => {
    const { watch: seen, ...whole } = await begin();
    await expectDone(whole, "undisturbed");
    const writes = seen.done.map(({ name }) => name);
    const order = [
      "PATCH devicebatches 1",
      "POST reelbindings 1",
      "PUT reelbindings 1",
      "POST provisioningledgers 1",
    ];
    expect(writes.filter((name) => order.includes(name))).toEqual(order);
    const intent = seen.done.find(({ name }) => name === "POST provisioningledgers 1");
    expect(intent?.at).toBeLessThanOrEqual(whole.cloud.received.of("provision")[0]?.at ?? 0);

    const struck: string[] = [];
    for (const strike of strikesAt([...NEEDED, ...writes])) {
      const why = `killed ${strike.when} ${strike.write}`;
      const { watch, ...job } = await begin(strike);
      // The writes of a run do not always come in the same number: some strikes find nothing to strike at.
      await eventually(async (signal) => watch.struck || (await isReady(job.id, signal)), { what: why });
      watch.end();
      if (watch.struck) {
        struck.push(why);
        operator = await fresh();
      }
      await expectDone(job, why);
    }
    const needed = strikesAt(NEEDED).map(({ write, when }) => `killed ${when} ${write}`);
    expect(struck).toEqual(expect.arrayContaining(needed));
  }, 300_000);

  async function isReady(account: string, signal: AbortSignal): Promise<boolean> {
    const batch = await field.batches.get({ namespace: account, name: "batch" }, signal);
    const conditions = batch.status?.conditions ?? [];
    return conditions.some(({ type, status }) => type === "Ready" && status === "True");
  }
});
