import { describe, expect, it } from "vitest";
import { API_VERSION, type DeviceBatch } from "../crds/index.ts";
import { cloudsOf, goesTo } from "./clouds-of-batch.ts";

type Clouds = NonNullable<NonNullable<DeviceBatch["status"]>["clouds"]>;

function batch(declared: string[], manual: boolean, clouds: Clouds): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { namespace: "acme", name: "d001" },
    spec: {
      batchId: "D001",
      provisioning: manual ? "Manual" : "Automatic",
      deletionPolicy: "Retain",
      ...(declared.length === 0 ? {} : { cloudApis: declared.map((name) => ({ name })) }),
    },
    status: { clouds, cloudNames: "eu" },
  };
}

const IN_DEFAULT: Clouds = [
  { name: "eu", state: "Provisioned" },
  { name: "us", state: "Deprovisioning" },
  { name: "jp", state: "Blocked" },
];

describe("the clouds of a batch", () => {
  it("are those that it names, else the default that was chosen, but for those it leaves", () => {
    expect(cloudsOf(batch(["hub"], false, IN_DEFAULT))).toEqual(["hub"]);
    expect(cloudsOf(batch([], false, IN_DEFAULT))).toEqual(["eu"]);
    expect(cloudsOf(batch([], true, IN_DEFAULT))).toEqual([]);
    expect(cloudsOf(batch([], false, []))).toEqual([]);
  });

  it("are no longer the default's when the last one is taken away", () => {
    const before = batch([], false, IN_DEFAULT);
    const after = { ...before, spec: { ...before.spec, ...goesTo([]) } } as DeviceBatch;
    expect(cloudsOf(after)).toEqual([]);
    expect(goesTo(["eu", "hub"])).toEqual({ cloudApis: [{ name: "eu" }, { name: "hub" }] });
  });
});
