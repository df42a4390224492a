import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import type { TestCloud } from "../clouds/index.ts";
import { Field } from "../field/field.ts";
import { eventually, type OperatorProcess } from "../harness/index.ts";
import { Audit } from "./audit.ts";
import { identityFor } from "./identity.ts";

const DEVICES = 60;
/** A request each, four at a time, so that one is under way at any time. */
const LIMITS = { maxDevicesPerRequest: 1, maxInFlight: 4 };
/** The connections of a leader that is stopped must stand when it wakes, as they do on gateways. */
const KEEP_ALIVE_MS = 120_000;

describe("leadership in the middle of the work", () => {
  let folder: string;
  let audit: Audit;
  let field: Field;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-faults-"));
    audit = await Audit.open(folder);
    field = await Field.open({ extraArgs: audit.apiServerArgs });
  });

  afterAll(async () => {
    await field?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(name: string): Promise<OperatorProcess> {
    const kubeconfig = await identityFor(field, name, folder);
    return field.operator({ kubeconfig, leaderElect: true, waitFor: "listening" });
  }

  /** An account with a cloud that takes its time and can take devices out. */
  async function account(name: string): Promise<TestCloud> {
    await field.account(name);
    const cloud = await field.cloud(name, {
      capabilities: CAPABILITIES,
      manners: { latencyMs: 250 },
      keepAliveMs: KEEP_ALIVE_MS,
    });
    await field.awsApi(name, "cloud", cloud, { limits: LIMITS, region: `eu-${name}-1` });
    await field.awaitApi(name, "cloud", "True");
    return cloud;
  }

  async function bind(account: string, name: string, batchId: string): Promise<void> {
    const cloudApis = [{ name: "cloud" }];
    await field.batch(account, name, { batchId, cloudApis, deletionPolicy: "Deprovision" });
  }

  async function gone(account: string, name: string): Promise<void> {
    await eventually(
      async (signal) => (await field.batches.find({ namespace: account, name }, signal)) === undefined,
      { what: `batch ${account}/${name} is gone`, deadline: 60_000 },
    );
  }

  /** Not at all while the lease is not held, or its holder does not say so in its log. */
  const leads = (operator: OperatorProcess): boolean => operator.logs().some(({ msg }) => msg === "leading");

  it("is handed over at once by a leader that is told to end (SIGTERM): nothing is lost, and nothing sent twice", async () => {
    const before = await start("leader");
    await eventually(() => leads(before));
    const after = await start("standby");
    const cloud = await account("handed");
    const devices = await field.ship("HAND-1", DEVICES);
    await bind("handed", "batch", "HAND-1");
    await eventually(() => cloud.received.of("provision").length >= 10, { interval: 20 });
    expect(leads(after)).toBe(false);
    const told = Date.now();
    expect(await before.stop()).toMatchObject({ code: 0 });
    const reached = cloud.registry.counts().devices;
    expect(reached).toBeLessThan(DEVICES);
    await eventually(() => leads(after), { what: "the other leads" });
    // The lease was given back: nobody waited for it to run out.
    expect(Date.now() - told).toBeLessThan(14_000);
    const batch = await field.awaitReady("handed", "batch");
    expect(batch.status).toMatchObject({ provisionedDevices: DEVICES, failedDevices: 0 });
    const pushes = devices.map(({ serial }) => cloud.registry.pushes(serial));
    expect(pushes).toEqual(devices.map(() => 1));
    const writes = await audit.writes();
    const firstOfAfter = writes.find(({ by }) => by === "standby")?.at ?? 0;
    expect(firstOfAfter, "who does not lead writes nothing").toBeGreaterThan(told);
    await after.stop();
  }, 120_000);

  // SIGSTOP, for longer than the lease.
  it("is lost by one that stands still: awake again, it sends, destroys and writes nothing, whatever was made of its work meanwhile", async () => {
    const stopped = await start("first");
    const [coming, going] = await Promise.all([account("coming"), account("going")]);
    await field.ship("OUT-1", DEVICES);
    await bind("going", "out", "OUT-1");
    await field.awaitReady("going", "out");
    await field.ship("IN-1", DEVICES);
    await bind("coming", "in", "IN-1");
    await field.batches.delete({ namespace: "going", name: "out" });
    await eventually(() => coming.received.of("provision").length >= 10, { interval: 20 });
    await eventually(() => going.received.of("deprovision").length >= 10, { interval: 20 });

    stopped.pause();
    const calls = {
      in: coming.received.of("provision").length,
      out: going.received.of("deprovision").length,
    };
    expect(calls.in).toBeLessThan(DEVICES);
    expect(calls.out).toBeLessThan(DEVICES);
    const successor = await start("second");
    // Who was on the way in is to go out, and who was on the way out is to come in again.
    await field.batches.delete({ namespace: "coming", name: "in" });
    await Promise.all([gone("coming", "in"), gone("going", "out")]);
    await bind("going", "again", "OUT-1");
    await field.awaitReady("going", "again");
    await eventually(() => coming.received.inFlight + going.received.inFlight === 0);
    expect(coming.registry.counts().devices).toBe(0);

    const woken = Date.now();
    stopped.resume();
    expect(await eventually(() => stopped.ending, { what: "it ends" })).toMatchObject({ code: 1 });
    expect(stopped.lastWords()).toMatch(/the lease (was not renewed|has been taken)/);
    await eventually(() => coming.received.inFlight + going.received.inFlight === 0);
    const requests = [coming, going].flatMap(({ received }) =>
      received.requests
        .filter(({ at, action }) => at >= woken && action !== "info")
        .map(({ action, refs }) => `${action} ${refs.join(" ")}`),
    );
    expect(requests).toEqual([]);
    const writes = await audit.writes();
    expect(writes.filter(({ by, at }) => by === "first" && at >= woken)).toEqual([]);
    expect(writes.filter(({ by }) => by === "second").length, "the log tells of operators").toBeGreaterThan(
      5,
    );
    expect(coming.registry.list()).toEqual([]);
    expect(going.registry.counts().devices).toBe(DEVICES);
    expect(successor.ending).toBeUndefined();
  }, 120_000);
});
