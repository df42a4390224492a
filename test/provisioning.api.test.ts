import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudApi } from "../crds/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually } from "./harness/index.ts";

let field: Field;

beforeAll(async () => {
  field = await Field.open();
  await field.operator();
});

afterAll(async () => {
  await field.close();
});

function sentRefs(cloud: TestCloud): string[] {
  return cloud.received.of("provision").flatMap(({ refs }) => refs);
}

function awaitDefault(account: string, name: string, status: string, deadline = 30_000): Promise<CloudApi> {
  return eventually(
    async (signal) => {
      const api = await field.cloudApis.get({ namespace: account, name }, signal);
      const condition = api.status?.conditions?.find(({ type }) => type === "Default");
      return condition?.status === status ? api : undefined;
    },
    { deadline, what: `Default of ${account}/${name} is ${status}` },
  );
}

describe("automatic provisioning", () => {
  it("takes the default at binding and stays with it when the default moves", async () => {
    const site = await Site.open(field, "sticky");
    const first = await site.aws("first", { default: true });
    const second = await site.aws("second");
    const devices = await field.ship("S001", 3);
    await site.bind("S001", undefined);
    const batch = await site.ready("S001");
    expect(batch.status?.clouds).toMatchObject([{ name: "first", state: "Provisioned", provisioned: 3 }]);
    expect((await field.bindings.get({ name: "s001" })).spec.defaultCloudApi).toBe("first");

    await site.editApi("first", { default: false });
    await site.editApi("second", { default: true });
    await field.ship("S002", 2);
    await site.bind("S002", undefined);
    await site.ready("S002");
    expect((await field.bindings.get({ name: "s002" })).spec.defaultCloudApi).toBe("second");
    await site.provisionNow("S001", "again");
    await site.reprovisioned("S001", "again");
    expect(devices.map(({ serial }) => first.registry.pushes(serial))).toEqual([2, 2, 2]);
    expect(second.registry.counts()).toMatchObject({ devices: 2, pushes: 2 });
  });

  it("binds at once and waits for the first default that appears", async () => {
    const site = await Site.open(field, "waiting");
    await field.ship("W001", 2);
    await site.bind("W001", undefined);
    const waiting = await site.notReady("W001", "False", "NoDefaultCloudApi");
    expect(waiting.status).toMatchObject({ boundDevices: 2, provisionedDevices: 0 });
    expect(waiting.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Bound", status: "True" }),
    );
    expect(waiting.status?.conditions?.map(({ type }) => type)).not.toContain("Stalled");

    const other = await site.aws("not-it");
    const cloud = await site.aws("it", { default: true });
    await site.ready("W001");
    expect(cloud.registry.counts().devices).toBe(2);
    expect(sentRefs(other)).toEqual([]);
  });

  it("uses neither of two defaults, says so at both and at the batch, and heals when one is unset", async () => {
    const site = await Site.open(field, "ambiguous");
    const left = await site.aws("left", { default: true });
    const right = await site.aws("right", { default: true });
    await field.ship("A001", 2);
    await site.bind("A001", undefined);
    const batch = await site.notReady("A001", "False", "AmbiguousDefault");
    const ready = batch.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.message).toContain("left, right");
    expect(batch.status?.conditions?.map(({ type }) => type)).toContain("Stalled");
    for (const [name, other] of [
      ["left", "right"],
      ["right", "left"],
    ] as const) {
      const api = await awaitDefault("ambiguous", name, "False");
      const condition = api.status?.conditions?.find(({ type }) => type === "Default");
      expect(condition).toMatchObject({ reason: "AmbiguousDefault" });
      expect(condition?.message).toContain(`on ${other} too`);
      expect(api.status?.conditions).toContainEqual(
        expect.objectContaining({ type: "Ready", status: "True" }),
      );
    }
    expect([...sentRefs(left), ...sentRefs(right)]).toEqual([]);

    await site.editApi("left", { default: false });
    await site.ready("A001");
    await awaitDefault("ambiguous", "right", "True");
    expect([left.registry.counts().devices, right.registry.counts().devices]).toEqual([0, 2]);
    const unset = await eventually(async () => {
      const api = await field.cloudApis.get({ namespace: "ambiguous", name: "left" });
      return api.status?.conditions?.every(({ type }) => type !== "Default") === true ? api : undefined;
    });
    expect(unset.spec.default).toBe(false);
  });

  it("heals when one of two defaults is deleted", async () => {
    const site = await Site.open(field, "deleted-default");
    await site.aws("stays", { default: true });
    await site.aws("goes", { default: true });
    await awaitDefault("deleted-default", "stays", "False");
    await field.ship("A002", 1);
    await site.bind("A002", undefined);
    await site.notReady("A002", "False", "AmbiguousDefault");
    await field.cloudApis.delete({ namespace: "deleted-default", name: "goes" });
    // At once, not when it is probed for the next time.
    await awaitDefault("deleted-default", "stays", "True", 4_000);
    expect((await site.ready("A002")).status).toMatchObject({ cloudNames: "stays", provisionedDevices: 1 });
  });
});

describe("manual provisioning", () => {
  it("binds only, until clouds are named; a cloud that is added later gets only what it lacks", async () => {
    const site = await Site.open(field, "manual");
    const standard = await site.aws("standard", { default: true });
    const aws = await site.aws("aws");
    const azure = await site.azure("azure");
    const devices = await field.ship("M001", 4);
    await site.bind("M001", undefined, { provisioning: "Manual" });
    const bound = await site.ready("M001");
    expect(bound.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", reason: "BoundOnly" }),
    );
    expect(bound.status).toMatchObject({ boundDevices: 4, provisionedDevices: 0 });
    expect(bound.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Provisioned", status: "False" }),
    );

    await site.edit("M001", { cloudApis: [{ name: "aws" }] });
    const one = await site.ready("M001");
    expect(one.status).toMatchObject({ provisionedDevices: 4, cloudNames: "aws" });

    await site.edit("M001", { cloudApis: [{ name: "aws" }, { name: "azure" }] });
    const two = await site.ready("M001");
    expect(two.status).toMatchObject({ provisionedDevices: 4, cloudNames: "aws, azure" });
    // Taken out and put in again: what it has is still there.
    await site.edit("M001", { cloudApis: [{ name: "azure" }] });
    await site.ready("M001");
    await site.edit("M001", { cloudApis: [{ name: "azure" }, { name: "aws" }] });
    await site.ready("M001");
    for (const cloud of [aws, azure]) {
      expect(devices.map(({ serial }) => cloud.registry.pushes(serial))).toEqual([1, 1, 1, 1]);
    }
    expect(sentRefs(standard)).toEqual([]);
  });
});
