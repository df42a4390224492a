import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ProvisionEntry } from "../../protocol/answers.ts";
import { COLLISION_MESSAGES } from "../../protocol/messages.ts";
import type { Clock } from "./clock.ts";
import type { HeldDevice } from "./testing/devices.ts";
import { type Fault, faultsInTurn } from "./testing/faults.ts";
import { type HubServer, startHubServer } from "./testing/hub-server.ts";
import { certificate, ENDLESS, registryOn, selfSigned, thumbprint } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

/** 404 of what is there is left out: a hub that says so is believed, for there is nobody else to ask. */
const REQUEST_CODES = [
  429001, 429003, 500001, 503001, 503005, 400021, 401002, 403000, 403002, 409001, 412001, 400013,
];
const DEVICE_CODES = [429001, 500001, 503005, 403002, 400004, 400021, 409001, 412001];

const faultArbitrary: fc.Arbitrary<Fault | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<Fault>(
    { kind: "cut", when: "before" },
    { kind: "cut", when: "after" },
    { kind: "half-json" },
    { kind: "unsaid" },
    { kind: "no-twin" },
  ),
  fc
    .tuple(
      fc.constantFrom(...REQUEST_CODES),
      fc.constantFrom("errorCode" as const, "message" as const, "header" as const),
      fc.constantFrom({}, { retryAfterS: 1 }, { retryAfterS: 9 }, { retryAfterS: 120 }),
    )
    .map(([code, put, wait]): Fault =>
      Object.assign({ kind: "refuse" as const, status: Math.floor(code / 1000), code, put }, wait),
    ),
  fc.tuple(fc.constantFrom(...DEVICE_CODES), fc.integer({ min: 1, max: 15 })).map(([code, mask]): Fault => ({
    kind: "devices",
    code,
    places: (index) => ((mask >> (index % 4)) & 1) === 1,
  })),
);

const SERIALS = ["01", "02", "03", "04", "05", "06"];
const SETTINGS = {
  twins: fc.boolean(),
  status: fc.constantFrom(200 as const, 400 as const),
  codes: fc.constantFrom("digits" as const, "names" as const),
};

/** What somebody else has in the hub: by name a device that a certificate of ours may want to be called. */
const othersArbitrary = fc.subarray(["05", "06", "other"]);

function putOthers(names: readonly string[]): void {
  for (const name of names) {
    hub.devices.put(name, { ...selfSigned(thumbprint(`not ours: ${name}`)), tags: { theirs: true } });
  }
}

const held = (names: readonly string[]): HeldDevice[] =>
  hub.devices.all().filter(({ identity }) => names.includes(identity.deviceId));

const isIn = (name: string): boolean =>
  hub.devices.get(name)?.identity.authentication.x509Thumbprint?.primaryThumbprint === thumbprint(name);

const certificates = SERIALS.map((serial) => certificate(serial));
const call = { ...ENDLESS, batch: "D001" };

/** No more faults; and the pause that the hub may have asked for is over. */
async function calm(clock: Clock): Promise<void> {
  hub.plan = () => undefined;
  await clock.sleep(600_000, ENDLESS.signal);
}

describe("whatever goes wrong", () => {
  it("SUCCESS is told only of devices that are in, and pushing again leads to the same end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(faultArbitrary, { maxLength: 12 }),
        othersArbitrary,
        fc.record(SETTINGS),
        fc.boolean(),
        async (faults, others, { twins, ...bulkFailure }, spoil) => {
          hub.reset();
          hub.bulkFailure = bulkFailure;
          putOthers(others);
          const untouched = held(others);
          const registry = registryOn(hub, { twins });

          hub.plan = faultsInTurn(faults);
          const first = await registry.provision(certificates, call);
          expect(first.map(({ ref }) => ref)).toEqual(SERIALS);
          expect(first.filter(({ ref, status }) => status === "SUCCESS" && !isIn(ref))).toEqual([]);
          expect(first.filter((entry) => isCollision(entry) && !others.includes(entry.ref))).toEqual([]);

          if (spoil) {
            for (const name of SERIALS) if (isIn(name)) hub.devices.put(name, { status: "disabled" });
          }
          await calm(registry.clock);
          const second = await registry.provision(certificates, call);
          const ours = second.filter(({ ref }) => !others.includes(ref));
          expect(second.filter((entry) => others.includes(entry.ref) && !isCollision(entry))).toEqual([]);
          // One that was registered without its twin cannot be tagged, and that is said.
          const untagged = ({ ref }: { ref: string }): boolean =>
            twins && hub.devices.get(ref)?.twin === undefined;
          expect(ours.filter((entry) => entry.status === "ERROR" && !untagged(entry))).toEqual([]);
          expect(ours.map(({ ref }) => hub.devices.get(ref)?.identity)).toMatchObject(
            ours.map(({ ref }) => Object.assign(selfSigned(thumbprint(ref)), { status: "enabled" })),
          );
          expect(held(others)).toEqual(untouched);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("deprovisioning in the end leaves nothing of ours, and everything of others'", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(faultArbitrary, { maxLength: 8 }),
        fc.array(faultArbitrary, { maxLength: 8 }),
        othersArbitrary,
        fc.record(SETTINGS),
        async (whilePushed, whileTaken, others, { twins, ...bulkFailure }) => {
          hub.reset();
          hub.bulkFailure = bulkFailure;
          putOthers(others);
          const untouched = held(others);
          const registry = registryOn(hub, { twins });

          hub.plan = faultsInTurn(whilePushed);
          await registry.provision(certificates, call);
          hub.plan = faultsInTurn(whileTaken);
          const first = await registry.deprovision(certificates, call);
          expect(first.filter(({ ref, status }) => status === "SUCCESS" && isIn(ref))).toEqual([]);
          await calm(registry.clock);
          const last = await registry.deprovision(certificates, call);
          expect(last.filter(({ status }) => status !== "SUCCESS")).toEqual([]);
          expect(hub.devices.all()).toEqual(untouched);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("status tells the truth or an error, and changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(faultArbitrary, { maxLength: 8 }),
        othersArbitrary,
        fc.boolean(),
        async (faults, others, twins) => {
          hub.reset();
          putOthers(others);
          const registry = registryOn(hub, { twins });
          for (const name of ["01", "02"]) hub.devices.put(name, selfSigned(thumbprint(name)));
          const before = hub.devices.all();
          hub.plan = faultsInTurn(faults);
          const entries = await registry.status(certificates, call);
          const untrue = entries.filter((entry) => "present" in entry && entry.present !== isIn(entry.ref));
          expect(untrue).toEqual([]);
          expect(hub.devices.all()).toEqual(before);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const isCollision = (entry: ProvisionEntry): boolean =>
  entry.status === "ERROR" && entry.message === COLLISION_MESSAGES.azure;
