import { describe, expect, it } from "vitest";
import { madeUpCertificate } from "./testing/certificates.ts";
import type { FakeIotCore } from "./testing/iot-core.ts";
import { createRig, POLICY, type Rig, unhurried } from "./testing/rig.ts";

const THING = "Infineon_30309D3B";
const device = madeUpCertificate("a", "30309D3B");
const other = madeUpCertificate("b", "30309D3B");
const idOf = ({ thumbprint }: { thumbprint: string }): string => thumbprint.toLowerCase();
const arnOf = (certificate: { thumbprint: string }): string =>
  `arn:aws:iot:eu-central-1:123456789012:cert/${idOf(certificate)}`;
const removed = { ref: "a", status: "SUCCESS", removed: true };

function isEmpty(core: FakeIotCore): void {
  expect([...core.things.keys()]).toEqual([]);
  expect([...core.certificates.keys()]).toEqual([]);
  for (const targets of core.policies.values()) expect(targets).toEqual(new Set());
  for (const { things } of core.groups.values()) expect(things).toEqual(new Set());
}

async function provisioned(): Promise<Rig> {
  const rig = createRig({ thingGroupPrefix: "g-" });
  await rig.registry.provision([device], unhurried("R1"));
  return rig;
}

describe("taking a device out", () => {
  it("leaves nothing that was made for it, and is safe to repeat", async () => {
    const { core, registry } = await provisioned();
    expect(await registry.deprovision([device], unhurried())).toEqual([removed]);
    isEmpty(core);
    expect(await registry.deprovision([device], unhurried())).toEqual([{ ...removed, removed: false }]);
    expect(await registry.provision([device], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
  });

  it("has the batch's group go with the last of its devices, where the batch is told", async () => {
    const { core, registry } = await provisioned();
    const neighbour = madeUpCertificate("c", "02");
    await registry.provision([neighbour], unhurried("R1"));
    await registry.deprovision([device], unhurried("R1"));
    expect([...core.groups.keys()]).toEqual(["g-R1"]);
    await registry.deprovision([neighbour], unhurried("R1"));
    expect([...core.groups.keys()]).toEqual([]);
    expect(await registry.deprovision([neighbour], unhurried("R1"))).toMatchObject([{ removed: false }]);
    await registry.provision([device], unhurried("R1"));
    expect(core.groups.get("g-R1")?.things).toEqual(new Set([THING]));
  });

  it("leaves a group of the name that somebody else made", async () => {
    const { core, registry } = await provisioned();
    core.groups.set("g-R1", { attributes: {}, things: new Set([THING]) });
    await registry.deprovision([device], unhurried("R1"));
    expect([...core.groups.keys()]).toEqual(["g-R1"]);
  });

  it("is done even if the group cannot be deleted", async () => {
    const { core, registry } = await provisioned();
    core.groups.delete("g-R1");
    expect(await registry.deprovision([device], unhurried("R1"))).toEqual([removed]);
    isEmpty(core);
  });

  it("touches nobody else's", async () => {
    const { core, registry } = await provisioned();
    const neighbour = madeUpCertificate("c", "02");
    await registry.provision([neighbour], unhurried());
    const before = structuredClone([core.things, core.certificates, core.policies]);
    expect(await registry.deprovision([other], unhurried())).toEqual([
      { ref: "b", status: "SUCCESS", removed: false },
    ]);
    expect([core.things, core.certificates, core.policies]).toEqual(before);
    await registry.deprovision([device], unhurried());
    expect([...core.things.keys()]).toEqual(["Infineon_02"]);
    expect([...core.certificates.keys()]).toEqual([idOf(neighbour)]);
    expect(core.policies.get(POLICY)).toEqual(new Set([arnOf(neighbour)]));
  });

  it("goes on where it stopped, and the device is cut off whatever fails", async () => {
    const actions = new Set<string>();
    const stillIn: string[] = [];
    const trial = await provisioned();
    trial.core.calls.length = 0;
    await trial.registry.deprovision([device], unhurried());
    for (const action of trial.core.calls) actions.add(action);
    expect(actions.size).toBeGreaterThan(6);
    for (const failing of actions) {
      for (const trouble of ["throttled", "fails after"] as const) {
        const { core, registry } = await provisioned();
        core.trouble = (action) => (action === failing ? trouble : undefined);
        const [entry] = await registry.deprovision([device], unhurried());
        expect(entry, `${failing} ${trouble}`).toMatchObject({
          status: "ERROR",
          code: trouble === "throttled" ? "Throttled" : "RegistrationFailed",
        });
        if (core.certificates.get(idOf(device))?.status === "ACTIVE") stillIn.push(`${failing} ${trouble}`);
        core.trouble = () => undefined;
        expect(await registry.deprovision([device], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
        isEmpty(core);
      }
    }
    expect(stillIn).toEqual(["UpdateCertificate throttled"]);
  });

  it("waits until AWS has seen the detachment", async () => {
    const { core, clock, registry } = await provisioned();
    core.detachmentsLag = 3;
    expect(await registry.deprovision([device], unhurried())).toEqual([removed]);
    expect(clock.now()).toBeGreaterThan(0);
    isEmpty(core);
  });

  it("says so if AWS does not see it for long, and is done later", async () => {
    const { core, registry } = await provisioned();
    core.detachmentsLag = 100;
    expect(await registry.deprovision([device], unhurried())).toMatchObject([
      { status: "ERROR", code: "RegistrationFailed", retryable: true },
    ]);
    expect(core.certificates.get(idOf(device))?.status).toBe("INACTIVE");
  });

  it("takes every policy and every thing off it, and leaves things that others made", async () => {
    const { core, registry } = await provisioned();
    for (const name of ["P1", "P2", "P3"]) core.policies.set(name, new Set([arnOf(device)]));
    for (const name of ["by-hand-1", "by-hand-2", "by-hand-3"]) {
      const principals = new Set([arnOf(device)]);
      core.things.set(name, { attributes: {}, type: undefined, version: 1, principals });
    }
    expect(await registry.deprovision([device], unhurried())).toEqual([removed]);
    expect([...core.policies.values()].every((targets) => targets.size === 0)).toBe(true);
    expect([...core.things].map(([name, { principals }]) => [name, principals.size])).toEqual([
      ["by-hand-1", 0],
      ["by-hand-2", 0],
      ["by-hand-3", 0],
    ]);
    expect(core.certificates.size).toBe(0);
  });

  it("leaves a thing that another certificate is attached to", async () => {
    const { core, registry } = await provisioned();
    core.certificates.set(idOf(other), { arn: arnOf(other), status: "ACTIVE" });
    core.things.get(THING)?.principals.add(arnOf(other));
    expect(await registry.deprovision([device], unhurried())).toEqual([removed]);
    expect(core.certificatesOf(THING)).toEqual([idOf(other)]);
    expect([...core.certificates.keys()]).toEqual([idOf(other)]);
  });

  it("takes out what v1 has made", async () => {
    const { core, registry } = createRig();
    core.certificates.set(idOf(device), { arn: arnOf(device), status: "ACTIVE" });
    const principals = new Set([arnOf(device)]);
    core.things.set(THING, {
      attributes: { serialNumber: "30309D3B" },
      type: undefined,
      version: 1,
      principals,
    });
    expect(await registry.deprovision([device], unhurried())).toEqual([removed]);
    isEmpty(core);
  });

  it("leaves a thing that nobody owns where the certificate is not known", async () => {
    const { core, registry } = createRig();
    core.things.set(THING, { attributes: {}, type: undefined, version: 1, principals: new Set() });
    expect(await registry.deprovision([device], unhurried())).toEqual([{ ...removed, removed: false }]);
    expect(core.things.size).toBe(1);
  });

  it("works for a certificate that makes no name", async () => {
    const { core, registry, another } = createRig({ thingName: "<batch>_<serial>" });
    await registry.provision([device], unhurried("R1"));
    expect(await another().deprovision([device], unhurried())).toEqual([removed]);
    expect(core.certificates.size).toBe(0);
  });
});
