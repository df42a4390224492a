import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudProgress } from "../crds/index.ts";
import type { FactoryDevice } from "../tools/factory/index.ts";
import { type Fault, GATEWAY_FAULTS, type TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually } from "./harness/index.ts";

const DEADLINE_MS = 2_000;

let field: Field;

beforeAll(async () => {
  field = await Field.open();
  await field.operator({ cloudDeadlineSeconds: DEADLINE_MS / 1_000 });
});

afterAll(async () => {
  await field.close();
});

function refsOf(devices: readonly FactoryDevice[]): string[] {
  return devices.map(({ deviceId }) => deviceId);
}

function pushes(cloud: TestCloud, devices: readonly FactoryDevice[]): number[] {
  return devices.map(({ serial }) => cloud.registry.pushes(serial));
}

/** Under way, and held up by something that may pass by itself. */
function isHindered({ state, message }: CloudProgress): boolean {
  return state === "Provisioning" && message !== undefined;
}

describe.concurrent("a cloud that misbehaves", () => {
  it("may answer in the reverse order, and for devices that nobody sent", async () => {
    const site = await Site.open(field, "reverse");
    const cloud = await site.aws("aws");
    const devices = await field.ship("B001", 5);
    cloud.manners = {
      reverse: true,
      strangers: true,
      refuse: { refs: refsOf(devices.slice(1, 2)), message: "Cannot get thumbprint" },
    };
    await site.bind("B001", ["aws"]);
    await site.notReady("B001", "False", "DevicesFailed");
    expect(await site.states("B001", "aws")).toEqual([
      "provisioned",
      "ThumbprintRejected",
      "provisioned",
      "provisioned",
      "provisioned",
    ]);
  });

  it("may leave out a device: it stays pending and goes again, alone, until it is answered for", async () => {
    const site = await Site.open(field, "leaves-out");
    const cloud = await site.azure("azure");
    const devices = await field.ship("B010", 4);
    const [, , missing] = refsOf(devices);
    cloud.manners = { leaveOut: [missing ?? ""] };
    await site.bind("B010", ["azure"]);
    const line = await site.line("B010", "azure", ({ message }) => /; next try at 20/u.test(message ?? ""));
    expect(line).toMatchObject({ state: "Provisioning", provisioned: 3, pending: 1, failed: 0 });
    expect(line.message).toMatch(/^NoAnswer: /);
    await eventually(() => cloud.received.times(missing ?? "") >= 2);
    expect(await site.states("B010", "azure")).toEqual([
      "provisioned",
      "provisioned",
      "pending",
      "provisioned",
    ]);
    cloud.heal();
    await site.ready("B010");
    expect(refsOf(devices).map((ref) => cloud.received.times(ref) > 1)).toEqual([false, false, true, false]);
  });

  const UNREADABLE: readonly Fault[] = [
    { kind: "halfBody" },
    { kind: "cutBody" },
    { kind: "html" },
    { kind: "empty" },
    { kind: "notAList" },
    { kind: "reset", afterWork: true },
  ];
  it.each(UNREADABLE)(
    "may do the work and lose the answer ($kind): nothing of it counts, all goes again",
    async (fault) => {
      const name = fault.kind.toLowerCase();
      const site = await Site.open(field, name);
      const cloud = await site.aws("aws");
      const devices = await field.ship(`B02-${name}`, 3);
      // So often that it lasts for longer than the second between two writes of a status.
      cloud.fail(fault, { times: 5 });
      await site.bind(`B02-${name}`, ["aws"]);
      const line = await site.line(`B02-${name}`, "aws", isHindered);
      expect(line).toMatchObject({ provisioned: 0, pending: 3 });
      expect(line.message).toMatch(/^(BadAnswer|ConnectionBroken): /);
      await site.ready(`B02-${name}`);
      // The cloud is asked with less when it fails again and again, so that not all go equally often.
      expect(Math.min(...pushes(cloud, devices))).toBeGreaterThanOrEqual(2);
      expect(cloud.received.of("provision").length).toBeGreaterThanOrEqual(6);
    },
  );

  it("may fail twice with 500 and then work", async () => {
    const site = await Site.open(field, "server-error");
    const cloud = await site.aws("aws");
    const devices = await field.ship("B030", 3);
    cloud.fail({ kind: "status", status: 500 }, { times: 2 });
    await site.bind("B030", ["aws"]);
    await site.ready("B030");
    expect(cloud.received.of("provision").map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(pushes(cloud, devices)).toEqual([1, 1, 1]);
  });

  it("is left alone for as long as its Retry-After says", async () => {
    const site = await Site.open(field, "retry-after");
    const cloud = await site.aws("aws");
    await field.ship("B040", 3);
    cloud.fail({ kind: "status", status: 429, retryAfter: "3" });
    await site.bind("B040", ["aws"]);
    const line = await site.line("B040", "aws", ({ limitedBy }) => limitedBy === "CloudThrottling");
    expect(line.message).toMatch(/^Throttled: .* 429: .*; next try at 20/);
    await site.ready("B040");
    const [refused, taken] = cloud.received.of("provision");
    expect((taken?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(2_990);
  });

  it("may hang past the deadline, with the devices in or not", async () => {
    const site = await Site.open(field, "hangs");
    const cloud = await site.aws("aws");
    const devices = await field.ship("B050", 3);
    cloud.fail({ kind: "hang", afterWork: true }, { times: 2 });
    await site.bind("B050", ["aws"]);
    const line = await site.line("B050", "aws", isHindered);
    expect(line.message).toMatch(/^Timeout: .* did not answer within 2 s/);
    await site.ready("B050");
    expect(Math.min(...pushes(cloud, devices))).toBeGreaterThanOrEqual(2);
  });

  it("may be too slow for a request of the usual size: requests shrink until it answers in time", async () => {
    const site = await Site.open(field, "slow");
    const cloud = await site.aws("aws");
    cloud.manners = { msPerDevice: 250 };
    await field.ship("B060", 12);
    await site.bind("B060", ["aws"]);
    await site.ready("B060");
    const sizes = cloud.received.of("provision").map(({ refs }) => refs.length);
    expect(Math.max(...sizes)).toBe(sizes[0]);
    expect(sizes.at(-1)).toBeLessThan(8);
  });

  it("may have a gateway that gives up after the work was done", async () => {
    const site = await Site.open(field, "gateway");
    const cloud = await site.aws("aws");
    const devices = await field.ship("B065", 4);
    cloud.fail(GATEWAY_FAULTS.timedOut);
    cloud.fail(GATEWAY_FAULTS.throttled);
    await site.bind("B065", ["aws"]);
    await site.ready("B065");
    expect(Math.max(...pushes(cloud, devices))).toBe(2);
  });

  it("may find a request too large: it is sent in halves", async () => {
    const site = await Site.open(field, "too-large");
    const cloud = await site.aws("aws");
    const devices = await field.ship("B067", 8);
    cloud.fail({ kind: "status", status: 413 });
    await site.bind("B067", ["aws"]);
    await site.ready("B067");
    expect(cloud.received.of("provision").map(({ refs }) => refs.length)).toEqual([8, 4, 4]);
    expect(pushes(cloud, devices)).toEqual(devices.map(() => 1));
  });

  it("may refuse the token in the middle: it is told so, probed, and gone on with when it takes it again", async () => {
    const site = await Site.open(field, "token");
    const cloud = await site.aws("aws", { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    const devices = await field.ship("B070", 4);
    cloud.manners = { latencyMs: 50 };
    await site.bind("B070", ["aws"]);
    await eventually(() => cloud.registry.counts().devices >= 1, { interval: 20 });
    cloud.fail({ kind: "refuseToken" }, { times: 2 });
    const batch = await site.notReady("B070", "False", "CloudBlocked");
    const ready = batch.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.message).toContain("aws: Unauthorized: ");
    await site.ready("B070");
    expect(pushes(cloud, devices)).toEqual([1, 1, 1, 1]);
  });

  it("may hide that it throttles: everything is in at last, at a pace that is not far below what it admits", async () => {
    const site = await Site.open(field, "hidden");
    const cloud = await site.aws("aws");
    cloud.manners = { hiddenThrottle: { devicesPerSecond: 15 } };
    await field.ship("B080", 60);
    await site.bind("B080", ["aws"]);
    const batch = await site.ready("B080");
    expect(batch.status).toMatchObject({ provisionedDevices: 60, failedDevices: 0 });
    const { startedAt, provisionedAt } = (await site.chunks("B080", "aws"))[0]?.spec ?? {};
    const seconds = (Date.parse(provisionedAt ?? "") - Date.parse(startedAt ?? "")) / 1_000;
    // A second's worth goes at once; the other 45 take 3 s at best.
    expect(seconds).toBeLessThan(15);
  });

  it("may let devices in without a policy: they wait as PolicyMissing until it is there", async () => {
    const site = await Site.open(field, "no-policy");
    const cloud = await site.aws("aws");
    cloud.manners = { withoutPolicy: true };
    await field.ship("B090", 3);
    await site.bind("B090", ["aws"]);
    const line = await site.line("B090", "aws", ({ message }) => message?.includes("next try") === true);
    expect(line).toMatchObject({ state: "Blocked", provisioned: 0, pending: 3, failed: 0 });
    expect(line.message).toMatch(/^PolicyMissing: .*IOT_POLICY; next try at 20/);
    cloud.heal();
    await site.ready("B090");
    const azure = await site.azure("azure");
    azure.manners = { withoutPolicy: true };
    await site.edit("B090", { cloudApis: [{ name: "aws" }, { name: "azure" }] });
    await site.ready("B090");
  });

  it("may answer twice; where it contradicts itself, the failure stands", async () => {
    const site = await Site.open(field, "twice");
    const cloud = await site.aws("aws");
    cloud.manners = { twice: "same" };
    const devices = await field.ship("B100", 3);
    await site.bind("B100", ["aws"]);
    await site.ready("B100");
    expect(pushes(cloud, devices)).toEqual([1, 1, 1]);

    cloud.manners = { twice: "contradicting" };
    await field.ship("B101", 3);
    await site.bind("B101", ["aws"]);
    const line = await site.line("B101", "aws", ({ message }) => message?.startsWith("CloudBusy") === true);
    expect(line).toMatchObject({
      state: "Provisioning",
      provisioned: 0,
      pending: 3,
      limitedBy: "CloudThrottling",
    });
    cloud.heal();
    await site.ready("B101");
  });

  it("may have a device of that name with another certificate: this one failed, and the other is left as it is", async () => {
    const site = await Site.open(field, "taken");
    const cloud = await site.aws("aws");
    const other = await site.azure("azure");
    const serial = "30309D3B";
    const [earlier, later] = [
      await field.issuer.issueDevice({ batchId: "B110", serial }),
      await field.issuer.issueDevice({ batchId: "B111", serial }),
    ];
    await site.field.shipDevices("B110", [earlier]);
    await site.bind("B110", ["aws", "azure"]);
    await site.ready("B110");
    const [neighbour] = await field.issuer.issueMany(1, { batchId: "B111" });
    if (neighbour === undefined) throw new Error("a device was issued");
    await site.field.shipDevices("B111", [later, neighbour]);
    await site.bind("B111", ["aws", "azure"]);
    const batch = await site.notReady("B111", "False", "DevicesFailed");
    expect(batch.status).toMatchObject({ provisionedDevices: 1, failedDevices: 1 });
    expect(batch.status?.failures).toMatchObject([
      {
        device: later.deviceId,
        cloud: "aws",
        reason: "IdentityTaken",
        message: expect.stringMatching(/^Thing exists with another certificate\. Whose matter: account/),
      },
      { device: later.deviceId, cloud: "azure", reason: "IdentityTaken" },
    ]);
    for (const each of [cloud, other]) expect(each.registry.pushes(serial)).toBe(1);
  });
});

describe.concurrent("a cloud that is down", () => {
  it("does not hold up the others, is named with the reason and the next try, and is taken up again by itself", async () => {
    const site = await Site.open(field, "down");
    const sick = await site.aws("sick");
    await site.azure("well");
    await Promise.all([field.awaitApi("down", "sick", "True"), field.awaitApi("down", "well", "True")]);
    await sick.down();
    const devices = await field.ship("B120", 4);
    await site.bind("B120", ["sick", "well"]);
    const batch = await site.notReady("B120", "False", "CloudBlocked");
    await site.line("B120", "well", ({ state }) => state === "Provisioned");
    expect(batch.status).toMatchObject({ provisionedDevices: 0, failedDevices: 0 });
    const ready = batch.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.message).toContain("sick: ConnectionRefused: ");
    expect(ready?.message).not.toContain("well");
    const line = await site.line("B120", "sick", ({ state }) => state === "Blocked");
    expect(line.message).toMatch(/next try at 20\d\d-/);
    await sick.up();
    await site.ready("B120");
    expect(pushes(sick, devices)).toEqual([1, 1, 1, 1]);
  });

  it("from the beginning is no different", async () => {
    const site = await Site.open(field, "never-up");
    const sick = await site.cloud();
    await sick.down();
    const well = await site.aws("well");
    await field.awsApi("never-up", "sick", sick, { region: "eu-never-1" });
    const api = await field.awaitApi("never-up", "sick", "False", "ConnectionRefused");
    expect(api.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Reconciling", status: "True" }),
    );
    const devices = await field.ship("B130", 2);
    await site.bind("B130", ["sick", "well"]);
    await site.line("B130", "well", ({ state }) => state === "Provisioned");
    const line = await site.line("B130", "sick", ({ state }) => state === "Blocked");
    expect(line.message).toMatch(/^ConnectionRefused: CloudApi sick: .*; next try at 20\d\d-/);
    expect(pushes(well, devices)).toEqual([1, 1]);
    await sick.up();
    await field.awaitApi("never-up", "sick", "True", "Connected");
    await site.ready("B130");
    expect(pushes(sick, devices)).toEqual([1, 1]);
  });
});
