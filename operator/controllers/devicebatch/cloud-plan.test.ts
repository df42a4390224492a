import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CloudApi, DeviceBatch, ReelBinding } from "../../../crds/index.ts";
import { API_VERSION } from "../../../crds/index.ts";
import { planClouds } from "./cloud-plan.ts";

const NOW = "2026-01-01T00:00:00Z";

function api(name: string, isDefault: boolean, deleting = false): CloudApi {
  return {
    apiVersion: API_VERSION,
    kind: "CloudApi",
    metadata: { namespace: "acme", name, ...(deleting ? { deletionTimestamp: NOW } : {}) },
    spec: { type: "Other", default: isDefault },
  };
}

function batch(provisioning: "Automatic" | "Manual", names: readonly string[]): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { namespace: "acme", name: "b" },
    spec: {
      batchId: "D001",
      provisioning,
      deletionPolicy: "Retain",
      cloudApis: names.map((name) => ({ name })),
    },
  };
}

function binding(defaultCloudApi?: string): ReelBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ReelBinding",
    metadata: { name: "d001" },
    spec: {
      account: "acme",
      batchId: "D001",
      boundAt: NOW,
      evaluatedAt: NOW,
      manifestSha256: "0".repeat(64),
      devices: 1,
      records: 1,
      ...(defaultCloudApi === undefined ? {} : { defaultCloudApi }),
    },
  };
}

describe("planClouds", () => {
  it("takes what is declared, whatever the default and the mode", () => {
    const apis = [api("a", true), api("b", false)];
    const wanted = { kind: "clouds", names: ["b"] };
    expect(planClouds(batch("Automatic", ["b"]), binding("a"), apis)).toEqual(wanted);
    expect(planClouds(batch("Manual", ["b"]), binding(), apis)).toEqual(wanted);
  });

  it("binds only when manual and nothing is declared, although there is a default", () => {
    expect(planClouds(batch("Manual", []), binding(), [api("a", true)])).toEqual({ kind: "boundOnly" });
  });

  it("takes the account's default and has it written down", () => {
    const choice = planClouds(batch("Automatic", []), binding(), [api("a", false), api("b", true)]);
    expect(choice).toEqual({ kind: "clouds", names: ["b"], record: "b" });
  });

  it("stays with the default that was written down, whatever became of it", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.constantFrom("a", "b", "c"), is: fc.boolean() })), (apis) => {
        const choice = planClouds(
          batch("Automatic", []),
          binding("a"),
          apis.map(({ name, is }) => api(name, is)),
        );
        expect(choice).toEqual({ kind: "clouds", names: ["a"] });
      }),
    );
  });

  it("never chooses between several defaults, and none that is going", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({
            name: fc.string({ minLength: 1, maxLength: 3 }),
            is: fc.boolean(),
            going: fc.boolean(),
          }),
          {
            selector: ({ name }) => name,
            maxLength: 5,
          },
        ),
        (facts) => {
          const choice = planClouds(
            batch("Automatic", []),
            binding(),
            facts.map(({ name, is, going }) => api(name, is, going)),
          );
          const defaults = facts.filter(({ is, going }) => is && !going).map(({ name }) => name);
          const [only] = defaults;
          const expected =
            defaults.length === 1
              ? { kind: "clouds", names: [only], record: only }
              : { kind: "none", reason: defaults.length === 0 ? "NoDefaultCloudApi" : "AmbiguousDefault" };
          expect(choice).toMatchObject(expected);
        },
      ),
    );
  });
});
