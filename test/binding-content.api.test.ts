import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Reel } from "../crds/index.ts";
import { manifestCsv } from "../tools/factory/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

describe("a bound reel whose manifest becomes another", () => {
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

  /** A manifest of so many devices. */
  async function csvOf(batchId: string, count: number): Promise<string> {
    return manifestCsv(await field.issuer.issueMany(count, { batchId }), { batchId });
  }

  async function replace(batchId: string, csv: string): Promise<void> {
    const name = `manifest-${batchId.toLowerCase()}`;
    await field.configMaps.patch({ namespace: OPERATOR_NAMESPACE, name }, { data: { "manifest.csv": csv } });
  }

  function digest(csv: string): string {
    return createHash("sha256").update(csv).digest("hex");
  }

  function readyOf(reel: Reel): { reason: string; message: string } {
    const ready = reel.status?.conditions?.find(({ type }) => type === "Ready");
    return { reason: ready?.reason ?? "", message: ready?.message ?? "" };
  }

  it("names both digests and changes nothing else, until the earlier manifest is back", async () => {
    const [first, second] = await Promise.all([csvOf("CHG-1", 2), csvOf("CHG-1", 3)]);
    await field.shipCsv("CHG-1", first);
    await field.batch("acme", "chg-1", { batchId: "CHG-1", cloudApis: [{ name: "east" }] });
    const batch = await field.awaitReady("acme", "chg-1");
    const before = await field.awaitReel("CHG-1", "True", "Bound");
    const binding = await field.bindings.get({ name: "chg-1" });
    const sent = east.received.of("provision").length;

    await replace("CHG-1", second);
    const changed = await field.awaitReel("CHG-1", "False", "ManifestChanged");
    expect(readyOf(changed).message).toContain(digest(first));
    expect(readyOf(changed).message).toContain(digest(second));
    expect(changed.status?.conditions?.map(({ type }) => type)).toContain("Stalled");
    const { conditions: _conditions, ...contents } = before.status ?? {};
    expect(changed.status).toMatchObject(contents);
    const told = await eventually(async (signal) =>
      (await eventsAbout(field.client, { kind: "Reel", name: "chg-1" }, signal)).find((event) =>
        event.startsWith("Warning ManifestChanged"),
      ),
    );
    expect(told).toContain(digest(second));
    expect(await field.bindings.get({ name: "chg-1" })).toEqual(binding);
    expect((await field.batches.get({ namespace: "acme", name: "chg-1" })).status).toEqual(batch.status);
    expect(east.received.of("provision")).toHaveLength(sent);

    await replace("CHG-1", first);
    const healed = await field.awaitReel("CHG-1", "True", "Bound");
    expect(healed.status).toMatchObject(contents);
  });

  it("sends nothing of the other manifest into a cloud that is added later, and says why", async () => {
    const [first, second] = await Promise.all([csvOf("CHG-2", 2), csvOf("CHG-2", 2)]);
    await field.shipCsv("CHG-2", first);
    await field.batch("acme", "chg-2", { batchId: "CHG-2", cloudApis: [{ name: "east" }] });
    await field.awaitReady("acme", "chg-2");
    await replace("CHG-2", second);
    await field.awaitReel("CHG-2", "False", "ManifestChanged");
    // With an empty cache: the first manifest is nowhere any more.
    await operator.stop();
    operator = await field.operator();
    await field.batches.patch(
      { namespace: "acme", name: "chg-2" },
      { spec: { cloudApis: [{ name: "east" }, { name: "west" }] } },
    );
    const held = await field.awaitBatch("acme", "chg-2", {
      type: "Ready",
      status: "False",
      reason: "CloudBlocked",
    });
    const line = held.status?.clouds?.find(({ name }) => name === "west");
    expect(line).toMatchObject({ state: "Blocked", provisioned: 0 });
    expect(line?.message).toContain(digest(first));
    expect(line?.message).toContain(digest(second));
    expect(west.received.of("provision")).toEqual([]);
    expect(held.status).toMatchObject({ manifestSha256: digest(first), boundDevices: 2 });

    await replace("CHG-2", first);
    await field.awaitReady("acme", "chg-2");
    expect(west.registry.list()).toHaveLength(2);
  });

  it("stays bound, and its batch ready, when its manifest or the Reel itself is gone", async () => {
    await field.shipCsv("CHG-3", await csvOf("CHG-3", 1));
    await field.batch("acme", "chg-3", { batchId: "CHG-3", cloudApis: [{ name: "east" }] });
    const { status } = await field.awaitReady("acme", "chg-3");
    const binding = await field.bindings.get({ name: "chg-3" });
    await field.configMaps.delete({ namespace: OPERATOR_NAMESPACE, name: "manifest-chg-3" });
    const reel = await field.awaitReel("CHG-3", "False", "SourceUnavailable");
    expect(reel.status).toMatchObject({ phase: "Bound", devices: 1 });
    await field.reels.delete({ name: "chg-3" });
    await eventually(async (signal) => (await field.reels.find({ name: "chg-3" }, signal)) === undefined);
    expect(await field.bindings.get({ name: "chg-3" })).toEqual(binding);
    expect((await field.batches.get({ namespace: "acme", name: "chg-3" })).status).toEqual(status);
  });

  it("counts what it was bound with, though certificates have expired since and the operator is a new one", async () => {
    const batchId = "CHG-4";
    const [lasting] = await field.issuer.issueMany(1, { batchId });
    const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_000);
    const brief = await field.issuer.issueDevice({ batchId, notAfter });
    const devices = lasting === undefined ? [] : [lasting, brief];
    await field.shipCsv(batchId, manifestCsv(devices, { batchId }));
    await field.batch("acme", "chg-4", { batchId, cloudApis: [{ name: "east" }] });
    await field.awaitReady("acme", "chg-4");
    const { status } = await field.awaitReel(batchId, "True", "Bound");
    expect(status).toMatchObject({ devices: 2, quarantined: { count: 0 } });
    await operator.stop();
    await eventually(() => Date.now() > notAfter.getTime() + 1_000, { what: "the certificate has expired" });
    operator = await field.operator();
    // A ConfigMap is read anew at the start; an edit that changes nothing of its content makes that seen.
    await replace(batchId, `${manifestCsv(devices, { batchId })}\n`);
    await field.awaitReel(batchId, "False", "ManifestChanged");
    await replace(batchId, manifestCsv(devices, { batchId }));
    expect((await field.awaitReel(batchId, "True", "Bound")).status).toMatchObject({
      devices: 2,
      quarantined: { count: 0 },
    });
  });
});
