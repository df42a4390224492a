import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FactoryDevice } from "../tools/factory/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

/** A lease runs out after 15 s without renewal; who waits for it looks every 2 to 4.4 s. */
const LEASE_MS = 15_000;
const TAKEOVER_MS = 10_000;

let field: Field;

beforeAll(async () => {
  field = await Field.open();
});

afterAll(async () => {
  await field.close();
});

/**
 * What a dying operator may leave unwritten: requests under way when it dies, and what was answered in its last
 * second. Such a request came in before that by as long as it took, and its write takes a moment, too.
 */
function settledLongBefore(cloud: TestCloud, at: number): Set<unknown> {
  const requests = cloud.received.of("provision");
  return new Set(requests.filter((request) => request.status !== 0 && request.at <= at - 2_500));
}

function sentTwice(cloud: TestCloud, devices: readonly FactoryDevice[]): number {
  return devices.filter(({ deviceId }) => cloud.received.times(deviceId) > 1).length;
}

/** Lets an operator take a reel into three clouds, of which one is slow, and tells when it is in the middle. */
async function inTheMiddle(site: Site, batchId: string) {
  const limits = { maxDevicesPerRequest: 1 };
  const clouds = {
    slow: await site.aws("slow", { limits }),
    aws: await site.aws("aws", { limits }),
    azure: await site.azure("azure", { limits }),
  };
  clouds.slow.manners = { latencyMs: 600 };
  clouds.aws.manners = { latencyMs: 150 };
  clouds.azure.manners = { latencyMs: 100 };
  const devices = await field.ship(batchId, 10);
  await site.bind(batchId, ["slow", "aws", "azure"]);
  await eventually(() => clouds.slow.registry.counts().devices >= 2 && clouds.slow.received.inFlight > 0, {
    interval: 20,
  });
  return { clouds: Object.values(clouds), devices };
}

/** Kills the operator. @returns how many devices each cloud may be sent again. */
async function kill(operator: OperatorProcess, clouds: readonly TestCloud[]): Promise<readonly number[]> {
  const at = Date.now();
  const settled = clouds.map((cloud) => settledLongBefore(cloud, at));
  // Dying takes a moment: what leaves meanwhile is under way, too.
  await operator.kill();
  return clouds.map(
    (cloud, index) =>
      cloud.received.of("provision").filter((request) => settled[index]?.has(request) !== true).length,
  );
}

async function expectAllIn(
  site: Site,
  batchId: string,
  { clouds, devices }: { clouds: readonly TestCloud[]; devices: readonly FactoryDevice[] },
  allowances: readonly number[],
): Promise<void> {
  const batch = await site.ready(batchId, LEASE_MS + TAKEOVER_MS + 20_000);
  expect(batch.status).toMatchObject({ boundDevices: 10, provisionedDevices: 10, failedDevices: 0 });
  clouds.forEach((cloud, index) => {
    expect(devices.every(({ serial }) => cloud.registry.pushes(serial) >= 1)).toBe(true);
    expect(sentTwice(cloud, devices), `allowed ${allowances.join(", ")}`).toBeLessThanOrEqual(
      allowances[index] ?? 0,
    );
  });
}

describe("an operator that dies in the middle of provisioning", () => {
  it("is replaced: by the one that waits when it is stopped, and by any when it is killed; all arrives", async () => {
    const first = await field.operator();
    await eventually(() => first.logs().some(({ msg }) => msg === "leading"));
    const waiting = await field.operator();
    const site = await Site.open(field, "acme");

    // Stopped in order, it hands over the lease, and what it was told is written: nothing goes twice.
    const one = await inTheMiddle(site, "D008");
    const stopped = Date.now();
    expect(await first.stop()).toMatchObject({ code: 0 });
    const sent = one.clouds.map((cloud) => cloud.received.of("provision").length);
    await expectAllIn(site, "D008", one, [0, 0, 0]);
    expect(one.clouds.map((cloud) => cloud.received.of("provision").length)).not.toEqual(sent);
    expect(Date.now() - stopped).toBeLessThan(TAKEOVER_MS + 15_000);

    // Killed, it leaves a lease that must run out before another takes it, and answers that nobody wrote down.
    const other = await Site.open(field, "other");
    const two = await inTheMiddle(other, "D010");
    const allowances = await kill(waiting, two.clouds);
    const killed = Date.now();
    const requests = two.clouds.map((cloud) => cloud.received.requests.length);
    await field.operator();
    const next = await eventually(
      () => two.clouds.flatMap((cloud, index) => cloud.received.requests.slice(requests[index]))[0],
      { deadline: LEASE_MS + TAKEOVER_MS, interval: 50 },
    );
    expect(next.at - killed).toBeGreaterThan(LEASE_MS - 3_000);
    await expectAllIn(other, "D010", two, allowances);
  });
});
