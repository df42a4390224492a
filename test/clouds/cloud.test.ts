import { beforeAll, describe, expect, it } from "vitest";
import { InteropCaller, type InteropTarget } from "../../interop/caller/caller.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../../interop/trust/signing-key.ts";
import { TokenSource } from "../../interop/trust/token-source.ts";
import { createIssuer, type FactoryDevice } from "../../tools/factory/index.ts";
import { startCloud, type TestCloud } from "./index.ts";

const AUDIENCE = "00000000-0000-4000-8000-000000000001";
const never = new AbortController().signal;
const caller = new InteropCaller({ egress: new EgressPolicy({ allowCidrs: ["127.0.0.1"], env: {} }) });

let key: SigningKey;
let devices: readonly FactoryDevice[];

beforeAll(async () => {
  key = await generateSigningKey();
  devices = await (await createIssuer()).issueMany(4, { batchId: "D001" });
});

const start = () => startCloud({ flavor: "azure", jwks: publicJwks([key]), audience: AUDIENCE });

function targetOf(cloud: TestCloud): InteropTarget {
  const tokens = new TokenSource({ key, issuer: "certferry", audience: AUDIENCE });
  return { url: cloud.url, caBundle: cloud.caPem, auth: { kind: "bearer", token: () => tokens.token() } };
}

const push = (cloud: TestCloud) =>
  caller.provision(
    targetOf(cloud),
    devices.map(({ der }, index) => ({ ref: `d${index}`, der })),
    never,
  );

describe("a cloud for tests", () => {
  it("remembers what it was sent and what it let in", async () => {
    await using cloud = await start();
    cloud.fail({ kind: "status", status: 500 }, { times: 2 });
    await expect(push(cloud)).rejects.toMatchObject({ reason: "ServerError" });
    await expect(push(cloud)).rejects.toMatchObject({ reason: "ServerError" });
    expect((await push(cloud)).size).toBe(4);
    expect(cloud.received.times("d0")).toBe(3);
    expect(cloud.received.of("provision").map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(devices.map(({ serial }) => cloud.registry.pushes(serial))).toEqual([1, 1, 1, 1]);
  });

  it("may do the work and lose the answer", async () => {
    await using cloud = await start();
    cloud.fail({ kind: "reset", afterWork: true });
    await expect(push(cloud)).rejects.toMatchObject({ reason: "ConnectionBroken" });
    expect(cloud.registry.counts()).toMatchObject({ devices: 4, pushes: 4 });
    cloud.fail({ kind: "reset" });
    await expect(push(cloud)).rejects.toMatchObject({ reason: "ConnectionBroken" });
    expect(cloud.registry.counts()).toMatchObject({ pushes: 4 });
  });

  it("keeps faults of one action from requests of another, and heals", async () => {
    await using cloud = await start();
    cloud.fail({ kind: "refuseToken" }, { on: "info", times: 5 });
    expect((await push(cloud)).size).toBe(4);
    await expect(caller.info(targetOf(cloud), never)).rejects.toMatchObject({ reason: "Unauthorized" });
    cloud.manners = { refuse: { refs: ["d1"], message: "no" }, latencyMs: 1 };
    expect((await push(cloud)).get("d1")).toMatchObject({ outcome: "refused", message: "no" });
    cloud.heal();
    await caller.info(targetOf(cloud), never);
    expect((await push(cloud)).get("d1")).toMatchObject({ outcome: "provisioned" });
  });

  it("takes its time for each device, and is stopped in the middle of it", async () => {
    await using cloud = await start();
    cloud.manners = { msPerDevice: 20 };
    const began = performance.now();
    expect((await push(cloud)).size).toBe(4);
    expect(performance.now() - began).toBeGreaterThan(75);
    cloud.manners = { msPerDevice: 60_000 };
    const call = push(cloud).catch((error: unknown) => error);
    await expect.poll(() => cloud.received.inFlight).toBe(1);
    await cloud.stop();
    expect(await call).toMatchObject({ reason: "ConnectionBroken" });
  });

  it("counts requests in flight", async () => {
    await using cloud = await start();
    cloud.manners = { latencyMs: 100 };
    await Promise.all([push(cloud), push(cloud), push(cloud)]);
    expect(cloud.received.maxInFlight).toBe(3);
    await expect.poll(() => cloud.received.inFlight).toBe(0);
  });
});
