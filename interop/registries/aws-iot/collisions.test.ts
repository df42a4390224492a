import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProvisionEntry } from "../../protocol/answers.ts";
import { COLLISION_MESSAGES } from "../../protocol/messages.ts";
import { madeUpCertificate } from "./testing/certificates.ts";
import type { FakeIotCore } from "./testing/iot-core.ts";
import { createRig, type Rig, unhurried } from "./testing/rig.ts";

const THING = "Infineon_30309D3B";
const first = madeUpCertificate("a", "30309D3B");
const second = madeUpCertificate("b", "30309D3B");
const idOf = ({ thumbprint }: { thumbprint: string }): string => thumbprint.toLowerCase();
const arnOf = (certificate: { thumbprint: string }): string =>
  `arn:aws:iot:eu-central-1:123456789012:cert/${idOf(certificate)}`;
const taken = {
  ref: "b",
  status: "ERROR",
  code: "ExistsWithAnotherCertificate",
  retryable: false,
  message: COLLISION_MESSAGES.aws,
};

/** What v1 leaves behind: a thing that says the serial number alone. */
function v1Thing(core: FakeIotCore, ...certificates: { thumbprint: string }[]): void {
  for (const certificate of certificates) {
    core.certificates.set(idOf(certificate), { arn: arnOf(certificate), status: "ACTIVE" });
  }
  core.things.set(THING, {
    attributes: { serialNumber: "30309D3B" },
    type: undefined,
    version: 1,
    principals: new Set(certificates.map(arnOf)),
  });
}

describe("a second certificate of one serial number", () => {
  it.each<[string, (rig: Rig) => Promise<ProvisionEntry[]>]>([
    ["in one request", ({ registry }) => registry.provision([first, second], unhurried())],
    [
      "in a later one",
      async ({ registry }) => [
        ...(await registry.provision([first], unhurried())),
        ...(await registry.provision([second], unhurried())),
      ],
    ],
    [
      "in another process",
      async ({ registry, another }) => [
        ...(await registry.provision([first], unhurried())),
        ...(await another().provision([second], unhurried())),
      ],
    ],
  ])("is refused %s", async (_, push) => {
    const rig = createRig();
    const expected = [{ ref: "a", status: "SUCCESS" }, taken];
    expect(await push(rig)).toMatchObject(expected);
    expect(rig.core.certificatesOf(THING)).toEqual([idOf(first)]);
    expect([...rig.core.certificates.keys()]).toEqual([idOf(first)]);
    expect(await rig.registry.provision([first, second], unhurried())).toMatchObject(expected);
  });

  it("gets in beside the first where names tell them apart", async () => {
    const { registry } = createRig({ thingName: "<serial>_<fingerprint>" });
    expect(await registry.provision([first, second], unhurried())).toMatchObject([
      { status: "SUCCESS" },
      { status: "SUCCESS" },
    ]);
  });

  it("waits as long as the first has the name and nothing more, and gets it when that one is taken out", async () => {
    const { core, registry } = createRig();
    core.trouble = (action) => (action === "RegisterCertificateWithoutCA" ? "throttled" : undefined);
    await registry.provision([first], unhurried());
    core.trouble = () => undefined;
    expect(await registry.provision([second], unhurried())).toMatchObject([
      { code: "RegistrationFailed", retryable: true },
    ]);
    expect(core.certificates.size).toBe(0);
    await registry.deprovision([first], unhurried());
    expect(await registry.provision([second], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
    expect(core.certificatesOf(THING)).toEqual([idOf(second)]);
  });
});

describe("a thing that was there before", () => {
  it("keeps the certificate that v1 gave it", async () => {
    const { core, registry } = createRig();
    v1Thing(core, first);
    expect(await registry.provision([second, first], unhurried())).toMatchObject([
      taken,
      { status: "SUCCESS" },
    ]);
    expect(core.certificates.has(idOf(second))).toBe(false);
  });

  it("that v1 gave to two is reported for both, and neither is put out", async () => {
    const { core, registry } = createRig();
    v1Thing(core, first, second, madeUpCertificate("c", "30309D3B"));
    expect(await registry.provision([first, second], unhurried())).toMatchObject([
      { code: "ExistsWithAnotherCertificate" },
      taken,
    ]);
    expect(core.certificatesOf(THING)).toHaveLength(3);
    await registry.deprovision([second, madeUpCertificate("c", "30309D3B")], unhurried());
    expect(await registry.provision([first], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
  });

  it("without a certificate is taken by whoever comes first", async () => {
    const { core, registry } = createRig();
    v1Thing(core);
    expect(await registry.provision([first, second], unhurried())).toMatchObject([
      { status: "SUCCESS" },
      taken,
    ]);
    expect(core.things.get(THING)?.attributes).toEqual({
      serialNumber: "30309D3B",
      fingerprint: first.thumbprint,
    });
  });

  it("to which somebody has attached another certificate is not said to be the first one's", async () => {
    const { core, registry } = createRig();
    await registry.provision([first], unhurried());
    core.things.get(THING)?.principals.add(arnOf(second));
    expect(await registry.provision([first], unhurried())).toMatchObject([
      { code: "ExistsWithAnotherCertificate" },
    ]);
  });
});

describe("two processes at once", () => {
  it("never give one name to two certificates, in whatever order AWS sees their calls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.boolean(), async (scheduler, unclaimed) => {
        const { core, registry, another } = createRig();
        if (unclaimed) v1Thing(core);
        core.turn = () => scheduler.schedule(Promise.resolve());
        const pushes = Promise.all([
          registry.provision([first], unhurried()),
          another().provision([second], unhurried()),
        ]);
        await scheduler.waitFor(pushes);
        const entries = (await pushes).flat();
        const winners = entries.filter(({ status }) => status === "SUCCESS").length;
        expect(winners).toBeLessThanOrEqual(1);
        expect(core.certificatesOf(THING).length).toBe(winners);

        core.turn = () => Promise.resolve();
        const after = await registry.provision([first, second], unhurried());
        expect(after.filter(({ status }) => status === "SUCCESS")).toHaveLength(1);
        expect(after.filter(({ status }) => status === "ERROR")).toMatchObject([
          { code: "ExistsWithAnotherCertificate" },
        ]);
        expect(core.certificatesOf(THING)).toHaveLength(1);
        // Nothing is active that has no thing.
        expect([...core.certificates.keys()]).toEqual(core.certificatesOf(THING));
      }),
      { numRuns: 300 },
    );
  });

  it("do not take from a device that has come in what another one leaves", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { core, registry, another } = createRig();
        v1Thing(core, first);
        core.turn = () => scheduler.schedule(Promise.resolve());
        const both = Promise.all([
          registry.deprovision([first], unhurried()),
          another().provision([second], unhurried()),
        ]);
        await scheduler.waitFor(both);
        const [[out], [come]] = await both;
        expect(out).toMatchObject({ status: "SUCCESS", removed: true });
        expect(core.certificates.has(idOf(first))).toBe(false);
        expect(core.certificatesOf(THING)).toEqual(come?.status === "SUCCESS" ? [idOf(second)] : []);
        core.turn = () => Promise.resolve();
        expect(await registry.provision([second], unhurried())).toMatchObject([{ status: "SUCCESS" }]);
        expect(core.certificatesOf(THING)).toEqual([idOf(second)]);
      }),
      { numRuns: 300 },
    );
  });
});
