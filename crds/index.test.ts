import { X509Certificate, createHash } from "node:crypto";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Condition } from "../operator/runtime/conditions.ts";
import type { KubeObject, ResourceKind } from "../operator/runtime/objects.ts";
import {
  type CloudApi,
  type DeviceBatch,
  type DeviceBatchInput,
  type DeviceBatchStatus,
  type ProvisioningLedger,
  type Reel,
  type ReelBinding,
  kinds,
} from "./index.ts";
import { objectsIn } from "./testing/api.ts";

describe("the types", () => {
  it("fit the runtime, which knows none of them", () => {
    expectTypeOf<Reel>().toExtend<KubeObject>();
    expectTypeOf<CloudApi>().toExtend<KubeObject>();
    expectTypeOf<DeviceBatch>().toExtend<KubeObject>();
    expectTypeOf<ReelBinding>().toExtend<KubeObject>();
    expectTypeOf<ProvisioningLedger>().toExtend<KubeObject>();
    expectTypeOf<NonNullable<DeviceBatchStatus["conditions"]>[number]>().toExtend<Condition>();
    expectTypeOf<Condition>().toExtend<NonNullable<DeviceBatchStatus["conditions"]>[number]>();
    for (const kind of Object.values(kinds)) expectTypeOf(kind).toExtend<ResourceKind>();
    expect(Object.entries(kinds).filter(([name, { kind }]) => name !== kind)).toEqual([]);
  });

  it("have defaults in what the API server gives, and not in what people write", () => {
    expectTypeOf<DeviceBatch["spec"]["provisioning"]>().toEqualTypeOf<"Automatic" | "Manual">();
    expectTypeOf<DeviceBatchInput["spec"]["provisioning"]>().toEqualTypeOf<
      "Automatic" | "Manual" | undefined
    >();
    expectTypeOf<DeviceBatch>().toExtend<DeviceBatchInput>();
  });
});

describe("the sample manifest", () => {
  it("has the digest that its reel names, and two certificates that are valid for years", async () => {
    const samples = await objectsIn(join(import.meta.dirname, "../samples/03-reels"));
    const data = samples.find(({ kind }) => kind === "ConfigMap")?.["data"] as Record<string, string>;
    const reel = samples.find(({ metadata }) => metadata.name === "d001") as Reel | undefined;
    const csv = data["d001.csv"] ?? "";
    expect(createHash("sha256").update(csv).digest("hex")).toBe(reel?.spec.manifest.sha256);
    const rows = parse<Record<string, string>>(csv, { columns: true });
    expect(rows).toHaveLength(2);
    for (const { certificate = "", group_id: group } of rows) {
      expect(group).toBe(reel?.spec.batchId);
      const { validToDate } = new X509Certificate(certificate);
      expect(validToDate.getTime()).toBeGreaterThan(Date.parse("2040-01-01"));
    }
  });
});
