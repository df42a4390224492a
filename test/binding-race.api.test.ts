import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceBatch, DeviceBatchSpecInput } from "../crds/index.ts";
import { type FactoryDevice, manifestCsv } from "../tools/factory/index.ts";
import { eventsIn } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { eventually } from "./harness/index.ts";

const AT_A_TIME = 10;

interface Rival {
  readonly account: string;
  readonly name: string;
  readonly spec: DeviceBatchSpecInput;
}

/** What came of two batches that both want a reel, in the order they were given. */
interface Outcome {
  readonly batchId: string;
  readonly devices: readonly FactoryDevice[];
  readonly winner: DeviceBatch;
  readonly loser: DeviceBatch;
}

describe("two operators that work without a lease, and two batches for one reel", () => {
  let field: Field;
  let devices: readonly FactoryDevice[];

  beforeAll(async () => {
    field = await Field.open();
    await Promise.all(["acme", "zeta", "solo"].map((account) => field.account(account)));
    devices = await field.issuer.issueMany(2, { batchId: "any" });
    await Promise.all([1, 2].map(() => field.operator({ leaderElect: false })));
  });

  afterAll(async () => {
    await field.close();
  });

  /** Runs `count` rounds, some at a time, and gives what came of each. */
  async function rounds(count: number, round: (index: number) => Promise<Outcome>): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let next = 0;
    const runner = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) outcomes.push(await round(index));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, runner));
    return outcomes;
  }

  /** Ships a reel, has two batches want it at once, and checks that exactly one has it. */
  async function race(
    batchId: string,
    index: number,
    rivals: readonly [Rival, Rival],
    shipped: readonly FactoryDevice[] = devices.slice(index % 2),
  ): Promise<Outcome> {
    await field.shipCsv(batchId, manifestCsv(shipped, { batchId }));
    // Every other reel is read by then: the claims follow the batches at once; else they follow the reading.
    if (index % 2 === 0) await field.awaitReel(batchId, "True");
    const inOrder = index % 4 < 2 ? rivals : rivals.toReversed();
    await Promise.all(inOrder.map(({ account, name, spec }) => field.batch(account, name, spec)));
    const batches = await Promise.all(rivals.map(settled));
    expect(batches.map(bound).sort(), batchId).toEqual(["False AlreadyBound", "True Bound"]);

    const [first, second] = batches;
    if (first === undefined || second === undefined) throw new Error("there are two rivals");
    const [winner, loser] = bound(first) === "True Bound" ? [first, second] : [second, first];
    const binding = await field.bindings.get({ name: batchId.toLowerCase() });
    expect(binding.spec).toMatchObject({
      account: winner.metadata.namespace,
      batch: winner.metadata.name,
      boundAt: winner.status?.boundAt,
      devices: shipped.length,
    });
    return { batchId, devices: shipped, winner, loser };
  }

  async function settled({ account, name }: Rival): Promise<DeviceBatch> {
    return eventually(
      async (signal) => {
        const batch = await field.batches.get({ namespace: account, name }, signal);
        return ["True Bound", "False AlreadyBound"].includes(bound(batch)) ? batch : undefined;
      },
      { what: `${account}/${name} has its reel, or is told that it is another's`, interval: 250 },
    );
  }

  function bound(batch: DeviceBatch): string {
    const condition = batch.status?.conditions?.find(({ type }) => type === "Bound");
    return `${condition?.status} ${condition?.reason}`;
  }

  it("gives it to exactly one of two accounts, 200 times, and never tells the other whose it is", async () => {
    const outcomes = await rounds(200, (index) =>
      race(`RACE-${index}`, index, [
        { account: "acme", name: `r${index}`, spec: { batchId: `RACE-${index}`, provisioning: "Manual" } },
        // Batch IDs are compared without regard to case, and two accounts may name their batches alike.
        { account: "zeta", name: `r${index}`, spec: { batchId: `race-${index}`, provisioning: "Manual" } },
      ]),
    );
    const { items: bindings } = await field.bindings.list();
    expect(bindings.filter(({ metadata }) => metadata.name.startsWith("race-"))).toHaveLength(200);
    const winners = outcomes.map(({ winner }) => winner.metadata.namespace);
    expect(new Set(winners), "a race that one side always wins is none").toEqual(new Set(["acme", "zeta"]));
    for (const [account, other] of [
      ["acme", "zeta"],
      ["zeta", "acme"],
    ] as const) {
      const { items: batches } = await field.batches.list({ namespace: account });
      expect(JSON.stringify(batches.map(({ status }) => status))).not.toContain(other);
      const events = await eventsIn(field.client, account);
      expect(events.map(({ reason }) => reason)).toContain("AlreadyBound");
      expect(events.map(({ note }) => note).filter((note) => note.includes(other))).toEqual([]);
    }
  }, 120_000);

  it("gives it to exactly one of two batches of one account, and names that one to the other", async () => {
    const outcomes = await rounds(30, (index) =>
      race(`SOLO-${index}`, index, [
        { account: "solo", name: `one-${index}`, spec: { batchId: `Solo-${index}`, provisioning: "Manual" } },
        { account: "solo", name: `two-${index}`, spec: { batchId: `SOLO-${index}`, provisioning: "Manual" } },
      ]),
    );
    for (const { winner, loser } of outcomes) {
      const message = loser.status?.conditions?.find(({ type }) => type === "Bound")?.message;
      expect(message).toContain(`DeviceBatch ${winner.metadata.name} of this account`);
    }
  });

  it("lets no certificate into the cloud of who lost", async () => {
    const [acme, zeta] = await Promise.all([field.cloud("acme"), field.cloud("zeta")]);
    await field.awsApi("acme", "cloud", acme);
    await field.awsApi("zeta", "cloud", zeta);
    const spec = { cloudApis: [{ name: "cloud" }] };
    const outcomes = await rounds(10, async (index) => {
      const batchId = `GOES-${index}`;
      const rival = (account: string): Rival => ({ account, name: `g${index}`, spec: { batchId, ...spec } });
      const fresh = await field.issuer.issueMany(2, { batchId });
      return race(batchId, index, [rival("acme"), rival("zeta")], fresh);
    });
    for (const { devices, winner } of outcomes) {
      await field.awaitReady(winner.metadata.namespace, winner.metadata.name);
      const [theirs, others] = winner.metadata.namespace === "acme" ? [acme, zeta] : [zeta, acme];
      const inThere = theirs.registry.list().map(({ serial }) => serial.toUpperCase());
      expect(inThere).toEqual(expect.arrayContaining(devices.map(({ serial }) => serial)));
      expect(devices.map(({ deviceId }) => others.received.times(deviceId))).toEqual([0, 0]);
    }
  });
});
