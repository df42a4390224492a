import { describe, expect, it } from "vitest";
import { madeUpCertificate } from "./testing/certificates.ts";
import { createRig, ENDPOINT, POLICY, unhurried } from "./testing/rig.ts";

const device = madeUpCertificate("a", "30309D3B");
const id = device.thumbprint.toLowerCase();
const arn = `arn:aws:iot:eu-central-1:123456789012:cert/${id}`;
const success = { ref: "a", status: "SUCCESS", endpoint: ENDPOINT, topic: "iqs", policyApplied: true };

describe("a new device", () => {
  it("is a thing of the field's name, with an active certificate and the policy, in four calls", async () => {
    const { core, registry } = createRig();
    expect(await registry.provision([device], unhurried())).toEqual([success]);
    expect(Object.fromEntries(core.things)).toEqual({
      Infineon_30309D3B: {
        attributes: { serialNumber: "30309D3B", fingerprint: device.thumbprint },
        type: undefined,
        version: 1,
        principals: new Set([arn]),
      },
    });
    expect(core.certificates.get(id)?.status).toBe("ACTIVE");
    expect(core.policies.get(POLICY)).toEqual(new Set([arn]));
    expect(core.calls.toSorted()).toEqual([
      "AttachPolicy",
      "AttachThingPrincipal",
      "CreateThing",
      "DescribeEndpoint",
      "GetPolicy",
      "RegisterCertificateWithoutCA",
    ]);
    core.calls.length = 0;
    await registry.provision([madeUpCertificate("b", "02"), madeUpCertificate("c", "03")], unhurried());
    expect(core.calls).toHaveLength(8);
  });

  it("has its type and topic, and joins its batch's group with a fifth call", async () => {
    const { core, registry } = createRig({
      thingType: "OptigaTrustM",
      thingGroupPrefix: "reel-",
      topic: "devices",
    });
    core.thingTypes.add("OptigaTrustM");
    await registry.provision([device, madeUpCertificate("b", "02")], unhurried("0A091B5C"));
    expect(core.calls).toHaveLength(2 + 1 + 2 * 5);
    core.calls.length = 0;
    expect(await registry.provision([madeUpCertificate("c", "03")], unhurried("0A091B5C"))).toMatchObject([
      { status: "SUCCESS", topic: "devices" },
    ]);
    expect(core.calls).toHaveLength(5);
    expect(core.things.get("Infineon_03")).toMatchObject({
      type: "OptigaTrustM",
      attributes: { batch: "0A091B5C" },
    });
    expect(core.groups.get("reel-0A091B5C")?.things).toEqual(
      new Set(["Infineon_30309D3B", "Infineon_02", "Infineon_03"]),
    );
  });

  it("is named by the template, and refused where that makes no name", async () => {
    const { core, registry } = createRig({ thingName: "<batch>_<device>" });
    const known = { ...device, device: "0A091B5C001500B60068" };
    expect(registry.distinctNames).toBe(true);
    expect(await registry.provision([known, device], unhurried("R1"))).toMatchObject([
      { status: "SUCCESS" },
      { status: "ERROR", code: "NameUnusable", retryable: false },
    ]);
    expect([...core.things.keys()]).toEqual(["R1_0A091B5C001500B60068"]);
    expect(() => createRig({ thingName: "a b <serial>" })).toThrow(/makes names/);
  });

  it("is in without the policy where none is configured or made, as in v1, and gets it once it is made", async () => {
    const without = createRig();
    without.core.policies.clear();
    expect(await without.registry.provision([device], unhurried())).toEqual([
      { ...success, policyApplied: false },
    ]);
    without.core.policies.set(POLICY, new Set());
    without.clock.pass(30_000);
    expect(await without.registry.provision([device], unhurried())).toEqual([success]);
    expect(without.core.policies.get(POLICY)).toEqual(new Set([arn]));
  });

  it("is never said to be in while nobody can tell whether the policy is there", async () => {
    const { core, registry, faults } = createRig();
    core.trouble = (action) => (action === "GetPolicy" ? "throttled" : undefined);
    expect(await registry.provision([device], unhurried())).toMatchObject([
      { status: "ERROR", code: "Throttled", retryable: true },
    ]);
    expect(core.things.size + core.certificates.size).toBe(0);
    expect(faults).toEqual([
      { action: "GetPolicy", error: "ThrottlingException", code: "Throttled", count: 1 },
    ]);
  });

  it("is not said to be in when the policy goes meanwhile", async () => {
    const { core, registry } = createRig();
    await registry.provision([madeUpCertificate("b", "02")], unhurried());
    core.policies.clear();
    expect(await registry.provision([device], unhurried())).toMatchObject([{ code: "RegistrationFailed" }]);
    expect(await registry.provision([device], unhurried())).toEqual([{ ...success, policyApplied: false }]);
  });

  it("is in all the same when AWS does not tell where devices connect to", async () => {
    const { core, registry } = createRig();
    core.trouble = (action) => (action === "DescribeEndpoint" ? "fails" : undefined);
    expect(await registry.provision([device], unhurried())).toEqual([{ ...success, endpoint: null }]);
    expect(await registry.endpoint(unhurried().signal)).toBeNull();
    core.trouble = () => undefined;
    expect(await registry.endpoint(unhurried().signal)).toBe(ENDPOINT);
  });

  it("leaves no thing behind if AWS takes no such certificate", async () => {
    const { core, registry } = createRig();
    const unsupported = { ...device, pem: "UNSUPPORTED" };
    expect(await registry.provision([unsupported], unhurried())).toMatchObject([
      { status: "ERROR", code: "CertificateUndecodable", retryable: false },
    ]);
    expect(core.things.size).toBe(0);
  });
});

describe("a device that is pushed again", () => {
  it("is as it was, and in", async () => {
    const { core, registry } = createRig({ thingGroupPrefix: "g-" });
    await registry.provision([device], unhurried("R1"));
    const before = structuredClone([core.things, core.certificates, core.policies, core.groups]);
    expect(await registry.provision([device], unhurried("R1"))).toEqual([success]);
    expect([core.things, core.certificates, core.policies, core.groups]).toEqual(before);
  });

  it.each<[string, (rig: ReturnType<typeof createRig>["core"]) => void]>([
    [
      "an inactive certificate",
      (core) => Object.assign(core.certificates.get(id) ?? {}, { status: "INACTIVE" }),
    ],
    ["a policy that was detached", (core) => core.policies.get(POLICY)?.clear()],
    ["a thing that was detached", (core) => core.things.get("Infineon_30309D3B")?.principals.clear()],
    ["a thing that was deleted", (core) => core.things.delete("Infineon_30309D3B")],
    [
      "a certificate that was deleted",
      (core) => {
        core.things.get("Infineon_30309D3B")?.principals.clear();
        core.policies.get(POLICY)?.clear();
        core.certificates.clear();
      },
    ],
    ["a group that it was taken out of", (core) => core.groups.get("g-R1")?.things.clear()],
    ["a group that was deleted", (core) => core.groups.delete("g-R1")],
  ])("has %s mended", async (_, spoil) => {
    const { core, registry } = createRig({ thingGroupPrefix: "g-" });
    await registry.provision([device], unhurried("R1"));
    const whole = structuredClone([core.things, core.certificates, core.policies, core.groups]);
    spoil(core);
    expect([core.things, core.certificates, core.policies, core.groups]).not.toEqual(whole);
    expect(await registry.provision([device], unhurried("R1"))).toEqual([success]);
    expect([core.things, core.certificates, core.policies, core.groups]).toEqual(whole);
  });

  it("stays out if somebody has revoked its certificate", async () => {
    const { core, registry } = createRig();
    await registry.provision([device], unhurried());
    Object.assign(core.certificates.get(id) ?? {}, { status: "REVOKED" });
    expect(await registry.provision([device], unhurried())).toMatchObject([{ code: "NotPermitted" }]);
    expect(core.certificates.get(id)?.status).toBe("REVOKED");
  });

  it("goes from one batch's group to the other's", async () => {
    const { core, registry } = createRig({ thingGroupPrefix: "g-" });
    await registry.provision([device], unhurried("R1"));
    expect(await registry.provision([device], unhurried("R2"))).toEqual([success]);
    expect([...core.groups].map(([name, { things }]) => [name, [...things]])).toEqual([
      ["g-R1", []],
      ["g-R2", ["Infineon_30309D3B"]],
    ]);
    expect(core.things.get("Infineon_30309D3B")?.attributes["batch"]).toBe("R2");
    // A caller that tells no batch leaves it where it is.
    expect(await registry.provision([device], unhurried())).toEqual([success]);
    expect(core.groups.get("g-R2")?.things.size).toBe(1);
  });

  it("stays in when a v1 stack had let it in, with what v1 wrote into the thing", async () => {
    const { core, registry } = createRig();
    core.certificates.set(id, { arn, status: "ACTIVE" });
    core.things.set("Infineon_30309D3B", {
      attributes: { serialNumber: "30309D3B" },
      type: undefined,
      version: 1,
      principals: new Set([arn]),
    });
    expect(await registry.provision([device], unhurried())).toEqual([success]);
    expect(core.certificatesOf("Infineon_30309D3B")).toEqual([id]);
  });
});
