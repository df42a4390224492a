import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHECK_REQUESTED_AT, type CloudProgress } from "../crds/index.ts";
import { CAPABILITIES } from "../interop/protocol/capabilities.ts";
import type { TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

let field: Field;
let operator: OperatorProcess;

beforeAll(async () => {
  field = await Field.open();
  operator = await field.operator();
});

afterAll(async () => {
  await field.close();
});

/** "Check now", and what the cloud's line says when it is answered. */
async function check(site: Site, batchId: string, cloud: string, value: string): Promise<CloudProgress> {
  const metadata = { annotations: { [CHECK_REQUESTED_AT]: value } };
  await field.batches.patch({ namespace: site.account, name: batchId.toLowerCase() }, { metadata });
  return site.line(batchId, cloud, ({ activity }) => activity?.request === value);
}

function asked(cloud: TestCloud): string[] {
  return cloud.received.of("status").flatMap(({ refs }) => refs);
}

describe("how devices stand in a cloud that tells", () => {
  it("is asked on request; what somebody took out there is told, and put right by provisioning again", async () => {
    const site = await Site.open(field, "vanish");
    const cloud = await site.aws("aws", {}, { capabilities: CAPABILITIES });
    const devices = await field.ship("V001", 5);
    await site.bind("V001", ["aws"]);
    await site.ready("V001");
    const whole = await check(site, "V001", "aws", "first");
    expect(whole.activity).toMatchObject({ asked: 5, active: 5, differing: 0 });
    await field.awaitBatch("vanish", "v001", { type: "Active", status: "True", reason: "DevicesActive" });

    // Behind Certferry's back, as a person in the cloud's own console.
    const lost = devices[3];
    const name = cloud.registry.list().find(({ serial }) => serial === lost?.serial)?.name ?? "";
    expect(cloud.registry.lose(name)).toBe(true);
    const seen = await check(site, "V001", "aws", "second");
    expect(seen).toMatchObject({
      state: "Provisioned",
      provisioned: 5,
      activity: { asked: 5, active: 4, differing: 1, differences: [{ device: lost?.deviceId }] },
    });
    expect(seen.activity?.differences?.[0]?.what).toContain("Missing");
    const batch = await field.awaitBatch("vanish", "v001", {
      type: "Active",
      status: "False",
      reason: "DevicesDiffer",
    });
    expect(batch.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "True" }),
    );
    const about = { kind: "DeviceBatch", name: "v001", namespace: "vanish" };
    await eventually(async (signal) => {
      const events = await eventsAbout(field.client, about, signal);
      return events.some((event) => event.startsWith("Warning DevicesDiffer: in aws, 1 of 5 devices"));
    });

    await site.provisionNow("V001", "repair");
    await site.reprovisioned("V001", "repair");
    const mended = await check(site, "V001", "aws", "third");
    expect(mended.activity).toMatchObject({ asked: 5, active: 5, differing: 0 });
    expect(mended.activity).not.toHaveProperty("differences");
    await field.awaitBatch("vanish", "v001", { type: "Active", status: "True", reason: "DevicesActive" });
    expect(cloud.registry.counts().devices).toBe(5);
  });

  it("is not asked again for a request that was answered, whoever operates by then", async () => {
    const site = await Site.open(field, "restart");
    const cloud = await site.azure("hub", {}, { capabilities: CAPABILITIES });
    await field.ship("V010", 3);
    await site.bind("V010", ["hub"], { annotations: { [CHECK_REQUESTED_AT]: "from the beginning" } });
    await site.ready("V010");
    await site.line("V010", "hub", ({ activity }) => activity?.request === "from the beginning");
    expect(asked(cloud)).toHaveLength(3);
    await operator.stop();
    operator = await field.operator();
    await field.ship("V011", 2);
    await site.bind("V011", ["hub"], { annotations: { [CHECK_REQUESTED_AT]: "later" } });
    await site.line("V011", "hub", ({ activity }) => activity?.request === "later");
    expect(asked(cloud)).toHaveLength(5);
  });
});

describe("a cloud that does not tell", () => {
  it("is asked nothing, and nothing is shown of it beside one that does", async () => {
    const site = await Site.open(field, "silent");
    const silent = await site.aws("silent");
    await site.aws("telling", {}, { capabilities: CAPABILITIES });
    await field.ship("V020", 2);
    await site.bind("V020", ["silent", "telling"]);
    await site.ready("V020");
    const line = await check(site, "V020", "telling", "now");
    expect(line.activity).toMatchObject({ asked: 2, active: 2 });
    const batch = await field.batches.get({ namespace: "silent", name: "v020" });
    const other = batch.status?.clouds?.find(({ name }) => name === "silent");
    expect(other).toMatchObject({ state: "Provisioned" });
    expect(other).not.toHaveProperty("activity");
    expect(silent.received.of("status")).toEqual([]);
  });
});
