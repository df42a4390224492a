import { describe, expect, it } from "vitest";
import { COLLISION_MESSAGES } from "../protocol/messages.ts";
import { createMemoryRegistry } from "./memory.ts";
import type { CheckedCertificate, RegistryCall } from "./port.ts";

const call: RegistryCall = { signal: new AbortController().signal };
const certificate = (ref: string, serial: string, thumbprint = serial): CheckedCertificate => ({
  ref,
  serial,
  thumbprint,
  pem: "",
});

describe("a registry in memory", () => {
  it("names things as AWS stacks do and attaches the policy", async () => {
    const registry = createMemoryRegistry({
      flavor: "aws",
      policy: "Device",
      endpoint: "x.iot",
      now: () => 5000,
    });
    expect(await registry.provision([certificate("a", "30309D3B", "AB")], call)).toEqual([
      { ref: "a", status: "SUCCESS", endpoint: "x.iot", topic: "iqs", policyApplied: true },
    ]);
    expect(registry.list()).toEqual([
      {
        name: "Infineon_30309D3B",
        serial: "30309D3B",
        thumbprints: ["AB"],
        policy: "Device",
        pushes: 1,
        firstPushedAt: new Date(5000),
        lastPushedAt: new Date(5000),
      },
    ]);
  });

  it("names devices as Azure stacks do, and knows no policy", async () => {
    const registry = createMemoryRegistry({ flavor: "azure", policy: "Device" });
    expect(await registry.provision([certificate("a", "30309D3B")], call)).toMatchObject([
      { status: "SUCCESS", endpoint: null, policyApplied: false },
    ]);
    expect(registry.list()).toMatchObject([{ name: "30309D3B" }]);
  });

  it.each(["aws", "azure"] as const)("takes a device again as %s, and counts it", async (flavor) => {
    const registry = createMemoryRegistry({ flavor });
    for (let push = 0; push < 3; push += 1) {
      expect(await registry.provision([certificate("a", "01")], call)).toMatchObject([{ status: "SUCCESS" }]);
    }
    expect(registry.counts()).toEqual({ devices: 1, certificates: 1, pushes: 3, refused: 0, removed: 0 });
    expect(registry.pushes("01")).toBe(3);
    expect(registry.pushes("02")).toBe(0);
  });

  it.each(["aws", "azure"] as const)("does not lose a second device of one serial as %s", async (flavor) => {
    const registry = createMemoryRegistry({ flavor });
    const pair = [certificate("a", "01", "AA"), certificate("b", "01", "BB")];
    const expected = [
      { ref: "a", status: "SUCCESS" },
      { ref: "b", status: "ERROR", message: COLLISION_MESSAGES[flavor] },
    ];
    expect(await registry.provision(pair, call)).toMatchObject(expected);
    expect(await registry.provision(pair, call)).toMatchObject(expected);
    expect(registry.list()).toMatchObject([{ thumbprints: ["AA"], pushes: 2 }]);
    expect(registry.counts()).toMatchObject({ devices: 1, refused: 2 });
  });

  it("can be as weak as the stacks in the field", async () => {
    const pair = [certificate("a", "01", "AA"), certificate("b", "01", "BB")];
    for (const [flavor, thumbprints] of [
      ["aws", ["AA", "BB"]],
      ["azure", ["AA"]],
    ] as const) {
      const registry = createMemoryRegistry({ flavor, collisions: "as-v1" });
      expect(await registry.provision(pair, call)).toMatchObject([
        { status: "SUCCESS" },
        { status: "SUCCESS" },
      ]);
      expect(registry.list().map((device) => device.thumbprints)).toEqual([thumbprints]);
    }
  });

  it("shows copies", async () => {
    const registry = createMemoryRegistry({ flavor: "aws" });
    await registry.provision([certificate("a", "01")], call);
    registry.list()[0]?.thumbprints.push("FF");
    expect(registry.list()[0]?.thumbprints).toEqual(["01"]);
  });
});
