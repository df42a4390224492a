import { describe, expect, it } from "vitest";
import { createAwsIotRegistry } from "./registry.ts";
import { madeUpCertificate } from "./testing/certificates.ts";
import type { FakeIotCore } from "./testing/iot-core.ts";
import { createRig, POLICY, unhurried } from "./testing/rig.ts";

const THING = "Infineon_30309D3B";
const device = madeUpCertificate("a", "30309D3B");
const other = madeUpCertificate("b", "30309D3B");
const id = device.thumbprint.toLowerCase();
const whole = {
  ref: "a",
  status: "SUCCESS",
  name: THING,
  present: true,
  active: true,
  attached: true,
  policyApplied: true,
  differs: [],
};

describe("how a certificate stands", () => {
  it("is told for each, and nothing is changed", async () => {
    const { core, registry } = createRig();
    await registry.provision([device], unhurried());
    const before = structuredClone([core.things, core.certificates, core.policies]);
    const absent = { present: false, active: false, attached: false, policyApplied: false };
    expect(await registry.status([other, device, madeUpCertificate("c", "02")], unhurried())).toEqual([
      { ...whole, ...absent, ref: "b", differs: ["Missing", "ExistsWithAnotherCertificate"] },
      whole,
      { ...whole, ...absent, ref: "c", name: "Infineon_02", differs: ["Missing"] },
    ]);
    expect([core.things, core.certificates, core.policies]).toEqual(before);
  });

  it.each<[string, (core: FakeIotCore) => void, object]>([
    [
      "inactive",
      (core) => Object.assign(core.certificates.get(id) ?? {}, { status: "INACTIVE" }),
      { active: false, differs: ["Inactive"] },
    ],
    [
      "revoked",
      (core) => Object.assign(core.certificates.get(id) ?? {}, { status: "REVOKED" }),
      { active: false, differs: ["Inactive"] },
    ],
    [
      "detached",
      (core) => core.things.get(THING)?.principals.clear(),
      { attached: false, differs: ["NotAttached"] },
    ],
    ["without its thing", (core) => core.things.delete(THING), { attached: false, differs: ["NotAttached"] }],
    [
      "without its policy",
      (core) => core.policies.get(POLICY)?.clear(),
      { policyApplied: false, differs: ["PolicyMissing"] },
    ],
    [
      "not alone",
      (core) => core.things.get(THING)?.principals.add("arn:aws:iot:eu-central-1:123456789012:cert/00"),
      { differs: ["ExistsWithAnotherCertificate"] },
    ],
  ])("may be %s", async (_, spoil, expected) => {
    const { core, registry } = createRig();
    for (const name of ["P1", "P2"]) core.policies.set(name, new Set());
    await registry.provision([device], unhurried());
    spoil(core);
    expect(await registry.status([device], unhurried())).toEqual([{ ...whole, ...expected }]);
  });

  it("is found on the second page, too", async () => {
    const { core, registry } = createRig();
    core.policies.clear();
    const arn = `arn:aws:iot:eu-central-1:123456789012:cert/${id}`;
    for (const name of ["P1", "P2", POLICY]) core.policies.set(name, new Set(name === POLICY ? [] : [arn]));
    await registry.provision([device], unhurried());
    expect(await registry.status([device], unhurried())).toEqual([whole]);
  });

  it("has no policy to miss where none is configured, and tells of one that is there all the same", async () => {
    const { core, registry } = createRig();
    await registry.provision([device], unhurried());
    const bare = createAwsIotRegistry({ client: core.client });
    expect(await bare.status([device], unhurried())).toEqual([whole]);
    core.policies.get(POLICY)?.clear();
    expect(await bare.status([device], unhurried())).toEqual([{ ...whole, policyApplied: false }]);
  });

  it("of a certificate that makes no name has none", async () => {
    const { registry } = createRig({ thingName: "<batch>_<serial>" });
    await registry.provision([device], unhurried("R1"));
    expect(await registry.status([device], unhurried("R1"))).toMatchObject([
      { name: "R1_30309D3B", differs: [] },
    ]);
    expect(await registry.status([device], unhurried())).toMatchObject([
      { name: null, present: true, attached: false, differs: ["NotAttached"] },
    ]);
  });
});
