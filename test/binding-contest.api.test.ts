import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceBatch } from "../crds/index.ts";
import { manifestCsv } from "../tools/factory/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { eventually } from "./harness/index.ts";

describe("whose a reel is", () => {
  let field: Field;

  beforeAll(async () => {
    field = await Field.open();
    await Promise.all([
      field.operator(),
      ...["acme", "zeta", "late"].map((account) => field.account(account)),
    ]);
  });

  afterAll(async () => {
    await field.close();
  });

  const bound = { type: "Bound", status: "True" } as const;

  function unbound(reason: string): { type: string; status: string; reason: string } {
    return { type: "Bound", status: "False", reason };
  }

  /** A batch that is only bound, and is told for now that this is why not. */
  async function waiting(account: string, batchId: string, reason = "ReelNotFound"): Promise<DeviceBatch> {
    const name = batchId.toLowerCase();
    await field.batch(account, name, { batchId, provisioning: "Manual" });
    return field.awaitBatch(account, name, unbound(reason));
  }

  function messageOf(batch: DeviceBatch, type = "Bound"): string {
    return batch.status?.conditions?.find((each) => each.type === type)?.message ?? "";
  }

  async function reserve(batchId: string, namespace: string | null): Promise<void> {
    await field.reels.patch(
      { name: batchId.toLowerCase() },
      { spec: { reservedFor: namespace === null ? null : { namespace } } },
    );
  }

  it("binds a batch that waited for its reel as soon as the reel is there, whatever its case", async () => {
    const early = await waiting("acme", "Later-1");
    expect(messageOf(early)).toContain("there is no Reel for batch Later-1");
    expect(messageOf(early)).toContain("Reel later-1");
    await field.ship("LATER-1", 2);
    const batch = await field.awaitBatch("acme", "later-1", bound, 5_000);
    expect(batch.status).toMatchObject({ boundDevices: 2 });
    expect((await field.bindings.get({ name: "later-1" })).spec).toMatchObject({ account: "acme" });
  });

  it("reserves nothing for a batch that waits: another account may have the reel meanwhile", async () => {
    await field.batch("acme", "free-1", { batchId: "FREE-1", provisioning: "Manual", suspend: true });
    await field.awaitBatch("acme", "free-1", unbound("ReelNotFound"));
    await field.ship("FREE-1", 1);
    await field.awaitBatch("acme", "free-1", unbound("Suspended"));
    await field.batch("zeta", "free-1", { batchId: "FREE-1", provisioning: "Manual" });
    await field.awaitBatch("zeta", "free-1", bound);
    await field.awaitBatch("acme", "free-1", unbound("AlreadyBound"));
    await field.batches.patch({ namespace: "acme", name: "free-1" }, { spec: { suspend: false } });
    const loser = await field.awaitBatch("acme", "free-1", unbound("AlreadyBound"));
    expect(JSON.stringify(loser.status)).not.toContain("zeta");
  });

  it("gives a reel to nobody when two accounts waited for it, until it is reserved for one", async () => {
    await Promise.all([waiting("acme", "TWO-1"), waiting("zeta", "TWO-1")]);
    await field.ship("TWO-1", 2);
    const contested = await Promise.all(
      ["acme", "zeta"].map((account) => field.awaitBatch(account, "two-1", unbound("Contested"))),
    );
    // Who comes only now does not jump the queue.
    const late = await waiting("late", "TWO-1", "Contested");
    for (const batch of [...contested, late]) {
      expect(messageOf(batch)).toContain("spec.reservedFor");
      expect(messageOf(batch)).not.toMatch(/acme|zeta|late/);
    }
    expect(await field.bindings.find({ name: "two-1" })).toBeUndefined();

    await reserve("TWO-1", "zeta");
    await field.awaitBatch("zeta", "two-1", bound, 5_000);
    for (const account of ["acme", "late"]) {
      const loser = await field.awaitBatch(account, "two-1", unbound("AlreadyBound"), 5_000);
      expect(JSON.stringify(loser.status)).not.toContain("zeta");
      expect(loser.status?.conditions?.map(({ type }) => type)).toContain("Stalled");
      const events = await eventsAbout(field.client, {
        kind: "DeviceBatch",
        namespace: account,
        name: "two-1",
      });
      expect(events.join("\n")).not.toContain("zeta");
    }
  });

  it("gives a contested reel to the one that stays when the other withdraws", async () => {
    await Promise.all([waiting("acme", "TWO-2"), waiting("zeta", "TWO-2")]);
    await field.ship("TWO-2", 1);
    await field.awaitBatch("zeta", "two-2", unbound("Contested"));
    await field.deleteBatch("acme", "two-2");
    await field.awaitBatch("zeta", "two-2", bound, 5_000);
    expect((await field.bindings.get({ name: "two-2" })).spec).toMatchObject({ account: "zeta" });
    await waiting("acme", "TWO-2", "AlreadyBound");
  });

  it("contests nothing between two batches of one account that waited: the first has it", async () => {
    const names = ["own-a", "own-b"];
    for (const name of names) {
      await field.batch("acme", name, { batchId: "OWN-1", provisioning: "Manual" });
      await field.awaitBatch("acme", name, unbound("ReelNotFound"));
    }
    await field.ship("OWN-1", 1);
    const settled = await eventually(async (signal) => {
      const batches = await Promise.all(
        names.map((name) => field.batches.get({ namespace: "acme", name }, signal)),
      );
      const reasons = batches.map(
        ({ status }) => status?.conditions?.find(({ type }) => type === "Bound")?.reason,
      );
      return reasons.includes("Bound") && reasons.includes("AlreadyBound") ? reasons : undefined;
    });
    expect(settled).toHaveLength(2);
  });

  it("binds a reserved reel for its account only, and for another when the reservation moves", async () => {
    await field.ship("KEPT-1", 1, { reservedFor: { namespace: "zeta" } });
    const refused = await waiting("acme", "KEPT-1", "Reserved");
    expect(messageOf(refused)).not.toContain("zeta");
    await reserve("KEPT-1", "late");
    await field.awaitReel("KEPT-1", "True");
    expect(await field.bindings.find({ name: "kept-1" })).toBeUndefined();
    await reserve("KEPT-1", "acme");
    await field.awaitBatch("acme", "kept-1", bound, 5_000);
    // Bound is bound: a reservation that moves afterwards takes nothing away.
    await reserve("KEPT-1", "zeta");
    await waiting("zeta", "KEPT-1", "AlreadyBound");
    await field.awaitBatch("acme", "kept-1", bound);
  });

  it("binds nothing while the batch is suspended, and at once when it goes on", async () => {
    await field.ship("PAUSE-1", 1);
    await field.batch("acme", "pause-1", { batchId: "PAUSE-1", provisioning: "Manual", suspend: true });
    const held = await field.awaitBatch("acme", "pause-1", unbound("Suspended"));
    expect(messageOf(held)).toContain("spec.suspend");
    expect(await field.bindings.find({ name: "pause-1" })).toBeUndefined();
    await field.batches.patch({ namespace: "acme", name: "pause-1" }, { spec: { suspend: false } });
    await field.awaitBatch("acme", "pause-1", bound, 5_000);
  });

  it("has a reel that nobody can read wait, and binds it by itself when its manifest is mended", async () => {
    await field.reel("MEND-1", { configMap: { name: "manifest-mend-1", key: "manifest.csv" } });
    const held = await waiting("acme", "MEND-1", "ReelNotReady");
    expect(messageOf(held)).toContain("manifest-mend-1 does not exist");
    const devices = await field.issuer.issueMany(1, { batchId: "MEND-1" });
    await field.configMaps.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: OPERATOR_NAMESPACE, name: "manifest-mend-1" },
      data: { "manifest.csv": manifestCsv(devices, { batchId: "MEND-1" }) },
    });
    await field.awaitBatch("acme", "mend-1", bound, 5_000);
  });
});
