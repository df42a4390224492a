import { describe, expect, it } from "vitest";
import { IOT_ACTIONS } from "./actions.ts";
import { madeUpCertificate } from "./testing/certificates.ts";
import { createRig, unhurried } from "./testing/rig.ts";

const device = madeUpCertificate("a", "30309D3B");
const THING = "Infineon_30309D3B";

describe("the actions that the role is made from", () => {
  it("are those that the registry calls, neither more nor less", async () => {
    const { core, registry } = createRig({ thingGroupPrefix: "g-" });
    const { signal } = unhurried();
    await registry.provision([device], unhurried("R1"));
    await registry.provision([device], unhurried("R2"));
    await registry.provision([madeUpCertificate("b", "30309D3B")], unhurried("R2"));
    Object.assign(core.certificates.get(device.thumbprint.toLowerCase()) ?? {}, { status: "INACTIVE" });
    await registry.provision([device], unhurried("R2"));
    core.things.set("Infineon_02", { attributes: {}, type: undefined, version: 1, principals: new Set() });
    await registry.provision([madeUpCertificate("c", "02")], unhurried("R2"));
    await registry.status([device], unhurried());
    core.things.get(THING)?.principals.add("arn:aws:iot:eu-central-1:123456789012:cert/00");
    await registry.deprovision([device], unhurried("R2"));
    await registry.provision([madeUpCertificate("d", "03")], unhurried("R3"));
    await registry.deprovision([madeUpCertificate("d", "03")], unhurried("R3"));
    await registry.endpoint(signal);
    const called = new Set(core.calls.map((action) => `iot:${action}`));
    expect([...called].toSorted()).toEqual(IOT_ACTIONS.map(({ action }) => action).toSorted());
  });

  it("are each allowed on something, and on all of AWS IoT only where AWS knows nothing narrower", () => {
    for (const { action, on } of IOT_ACTIONS) expect(on.length, action).toBeGreaterThan(0);
    const anywhere = IOT_ACTIONS.filter(({ on }) => on.includes("anything")).map(({ action }) => action);
    expect(anywhere).toEqual([
      "iot:RegisterCertificateWithoutCA",
      "iot:DescribeEndpoint",
      "iot:ListAttachedPolicies",
    ]);
  });
});
