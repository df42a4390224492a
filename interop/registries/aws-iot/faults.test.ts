import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { madeUpCertificate } from "./testing/certificates.ts";
import type { FakeIotCore, Trouble } from "./testing/iot-core.ts";
import { createRig, POLICY, unhurried } from "./testing/rig.ts";

/** Two of one serial number among them. */
const devices = [
  madeUpCertificate("a", "30309D3B"),
  madeUpCertificate("b", "02"),
  madeUpCertificate("c", "30309D3B"),
  madeUpCertificate("d", "04"),
];

const trouble = fc.option(
  fc.constantFrom<Trouble>("throttled", "fails", "fails after", "hangs", "hangs after"),
  { nil: undefined, freq: 3 },
);

/** What befalls the first calls of each request; later ones go well. */
const schedules = fc.array(fc.array(trouble, { maxLength: 25 }), { minLength: 1, maxLength: 4 });

function follow(core: FakeIotCore, schedule: readonly (Trouble | undefined)[], stop: AbortController): void {
  const queue = [...schedule];
  core.trouble = () => {
    const next = queue.shift();
    // Nobody waits for ever: a call that hangs is ended by the request's time.
    if (next?.startsWith("hangs") === true) setImmediate(() => stop.abort());
    return next;
  };
}

function calm(core: FakeIotCore): void {
  core.trouble = () => undefined;
}

/** No thing has two certificates, and each says whose it is. */
function isConsistent(core: FakeIotCore): void {
  for (const [name, thing] of core.things) {
    expect(core.certificatesOf(name).length, name).toBeLessThanOrEqual(1);
    expect(Object.keys(thing.attributes)).toContain("fingerprint");
  }
}

describe("whatever goes wrong, and however often", () => {
  it("nothing half-made is called done, and pushing again ends as if nothing had gone wrong", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (plans) => {
        const { core, registry } = createRig({ thingGroupPrefix: "g-", concurrency: 3 });
        for (const plan of plans) {
          const stop = new AbortController();
          follow(core, plan, stop);
          const entries = await registry.provision(devices, { batch: "R1", signal: stop.signal });
          expect(entries.map(({ ref }) => ref)).toEqual(["a", "b", "c", "d"]);
          for (const [index, entry] of entries.entries()) {
            if (entry.status === "ERROR") continue;
            const device = devices[index];
            const id = device?.thumbprint.toLowerCase() ?? "";
            const name = `Infineon_${device?.serial}`;
            expect(core.certificatesOf(name)).toEqual([id]);
            expect(core.certificates.get(id)?.status).toBe("ACTIVE");
            expect(entry.policyApplied).toBe(true);
            expect([...(core.policies.get(POLICY) ?? [])].some((arn) => arn.endsWith(id))).toBe(true);
            expect(core.groups.get("g-R1")?.things.has(name)).toBe(true);
          }
          isConsistent(core);
        }
        calm(core);
        // Whichever of the two has the name, the other gets its final answer at the latest the second time.
        await registry.provision(devices, unhurried("R1"));
        const last = await registry.provision(devices, unhurried("R1"));
        expect(last.map(({ status }) => status).filter((status) => status === "SUCCESS")).toHaveLength(3);
        expect(last.filter(({ status }) => status === "ERROR")).toMatchObject([
          { code: "ExistsWithAnotherCertificate" },
        ]);
        expect(core.certificates.size).toBe(3);
        expect(core.things.size).toBe(3);
        expect(core.policies.get(POLICY)?.size).toBe(3);
        expect(core.groups.get("g-R1")?.things.size).toBe(3);
      }),
      { numRuns: 400 },
    );
  });

  it("taking out again ends with nothing left, and a device that is said to be out is out", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, fc.integer({ min: 0, max: 3 }), async (plans, lag) => {
        const { core, registry } = createRig({ thingGroupPrefix: "g-", concurrency: 3 });
        await registry.provision(devices, unhurried("R1"));
        core.detachmentsLag = lag;
        for (const plan of plans) {
          const stop = new AbortController();
          follow(core, plan, stop);
          const entries = await registry.deprovision(devices, { signal: stop.signal });
          for (const [index, entry] of entries.entries()) {
            if (entry.status === "ERROR") continue;
            expect(core.certificates.has(devices[index]?.thumbprint.toLowerCase() ?? "")).toBe(false);
          }
        }
        calm(core);
        const last = await registry.deprovision(devices, unhurried());
        expect(last.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS"]);
        expect([core.things.size, core.certificates.size, core.policies.get(POLICY)?.size]).toEqual([
          0, 0, 0,
        ]);
      }),
      { numRuns: 300 },
    );
  });
});
