import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { connect } from "../../tools/cluster/connect.ts";
import { eventually } from "../../tools/cluster/eventually.ts";
import { startControlPlane } from "../../tools/control-plane/launcher.ts";
import type { ControlPlane } from "../../tools/control-plane/launcher.ts";
import type { KubeClient } from "./client.ts";
import { LeaderElector, LEASE, LeaseLost } from "./leader.ts";
import type { Lease } from "./leader.ts";

const TIMES = { leaseDurationMs: 10_000, renewDeadlineMs: 6_000, retryPeriodMs: 250 };

let controlPlane: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = connect(controlPlane.kubeconfig);
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

function elect(name: string, identity: string) {
  const elector = new LeaderElector({ client, namespace: "default", name, identity, ...TIMES });
  const stop = new AbortController();
  const told = { started: false, reason: undefined as unknown };
  const outcome = elector
    .run(stop.signal, async (signal) => {
      told.started = true;
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      told.reason = signal.reason;
    })
    .then(
      () => "released",
      (error: unknown) => error,
    );
  return { elector, stop, told, outcome };
}

async function leads({ elector }: ReturnType<typeof elect>, deadline = 30_000): Promise<void> {
  await eventually(() => elector.leading, { what: "it leads", interval: 10, deadline });
}

async function lease(name: string): Promise<Lease["spec"]> {
  return (await client.resource<Lease>(LEASE).get({ namespace: "default", name })).spec;
}

describe("leader election on a real API server", () => {
  it("has one leader of two, and hands over quickly when that one stops", async () => {
    const one = elect("handover", "one");
    await leads(one);
    const two = elect("handover", "two");
    await eventually(() => two.elector.holder === "one", { what: "two has seen one" });
    expect(two.elector.leading).toBe(false);
    expect(await lease("handover")).toMatchObject({
      holderIdentity: "one",
      leaseDurationSeconds: 10,
      leaseTransitions: 0,
      renewTime: expect.stringMatching(/\.\d{6}Z$/) as string,
    });

    one.stop.abort(new Error("stopped"));
    expect(await one.outcome).toBe("released");
    expect(one.told.reason).toMatchObject({ message: "stopped" });
    await leads(two, TIMES.leaseDurationMs - 2_000);
    expect(await lease("handover")).toMatchObject({ holderIdentity: "two", leaseTransitions: 1 });

    two.stop.abort();
    expect(await two.outcome).toBe("released");
    expect((await lease("handover"))?.holderIdentity ?? "").toBe("");
  });

  it("loses the lease in time when the server hangs, and it can be had again afterwards", async () => {
    const one = elect("hang", "one");
    await leads(one);
    controlPlane.pause();
    const pausedAt = performance.now();
    try {
      expect(await one.outcome).toBeInstanceOf(LeaseLost);
      expect(performance.now() - pausedAt).toBeLessThan(TIMES.leaseDurationMs);
      expect(one.told.reason).toBeInstanceOf(LeaseLost);
      expect(one.elector.renewedWithin(60_000)).toBe(false);
    } finally {
      controlPlane.resume();
    }
    const two = elect("hang", "two");
    await leads(two);
    expect(await lease("hang")).toMatchObject({ holderIdentity: "two", leaseTransitions: 1 });
    two.stop.abort();
    await two.outcome;
  });

  it("outlives a server that is away for less than the renew deadline allows", async () => {
    const one = elect("blink", "one");
    await leads(one);
    controlPlane.pause();
    setTimeout(() => controlPlane.resume(), 700);
    const before = (await lease("blink"))?.renewTime;
    await eventually(async () => (await lease("blink"))?.renewTime !== before, { what: "a renewal" });
    expect(one.elector.leading).toBe(true);
    expect(one.elector.renewedWithin(TIMES.renewDeadlineMs)).toBe(true);
    one.stop.abort();
    expect(await one.outcome).toBe("released");
  });
});
