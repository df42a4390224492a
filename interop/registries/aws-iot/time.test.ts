import { describe, expect, it } from "vitest";
import { createPace } from "./pace.ts";
import { madeUpCertificate } from "./testing/certificates.ts";
import { createRig, POLICY } from "./testing/rig.ts";
import { createTurns } from "./turns.ts";

const devices = Array.from({ length: 30 }, (_, index) => madeUpCertificate(`d${index}`, `A${index}`));

describe("a request whose time is up", () => {
  it("has what is done, and tells of the rest that it is to come again", async () => {
    const { core, registry } = createRig({ concurrency: 4 });
    const stop = new AbortController();
    let attached = 0;
    core.trouble = (action) => {
      if (action === "AttachThingPrincipal") attached += 1;
      if (attached === 10) stop.abort();
      return attached >= 10 ? "hangs" : undefined;
    };
    const entries = await registry.provision(devices, { signal: stop.signal });
    expect(entries.map(({ ref }) => ref)).toEqual(devices.map(({ ref }) => ref));
    const done = entries.filter(({ status }) => status === "SUCCESS");
    expect(done).toHaveLength(9);
    for (const { ref } of done) {
      const serial = devices.find((device) => device.ref === ref)?.serial ?? "";
      expect(core.certificatesOf(`Infineon_${serial}`)).toHaveLength(1);
    }
    const late = entries.filter(({ status }) => status === "ERROR");
    expect(late).toHaveLength(21);
    for (const entry of late) expect(entry).toMatchObject({ code: "OutOfTime", retryable: true });
  });

  it("ends although AWS never answers, whatever is asked", async () => {
    const { core, registry } = createRig();
    core.trouble = () => "hangs";
    for (const action of ["provision", "status", "deprovision"] as const) {
      const entries = await registry[action](devices, { signal: AbortSignal.timeout(20) });
      expect(new Set(entries.map((entry) => ("code" in entry ? entry.code : "none")))).toEqual(
        new Set(["OutOfTime"]),
      );
    }
    expect(await registry.endpoint(AbortSignal.timeout(20))).toBeNull();
  });

  it("that was up before it began does nothing", async () => {
    const { core, registry } = createRig();
    const entries = await registry.provision(devices.slice(0, 2), { signal: AbortSignal.abort() });
    expect(entries).toMatchObject([{ code: "OutOfTime" }, { code: "OutOfTime" }]);
    expect([core.things.size, core.certificates.size, core.policies.get(POLICY)?.size]).toEqual([0, 0, 0]);
  });

  it("takes nothing from others that wait for the same name", async () => {
    const turns = createTurns();
    const never = new AbortController().signal;
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const stop = new AbortController();
    const one = turns("n", never, async () => {
      await gate.promise;
      order.push("one");
    });
    const two = turns("n", stop.signal, async () => {
      order.push("two");
    });
    const three = turns("n", never, async () => {
      order.push("three");
    });
    stop.abort();
    await expect(two).rejects.toThrow("out of time");
    expect(order).toEqual([]);
    gate.resolve();
    await Promise.all([one, three]);
    expect(order).toEqual(["one", "three"]);
  });
});

describe("the pace", () => {
  it("is even, over all who ask, and catches nothing up after a rest", async () => {
    let now = 0;
    const waits: number[] = [];
    const pace = createPace(10, {
      now: () => now,
      sleep: (ms) => {
        waits.push(ms);
        return Promise.resolve();
      },
    });
    const { signal } = new AbortController();
    for (let count = 0; count < 4; count += 1) await pace(signal);
    expect(waits).toEqual([100, 200, 300]);
    now = 60_000;
    for (let count = 0; count < 3; count += 1) await pace(signal);
    expect(waits).toEqual([100, 200, 300, 100, 200]);
  });

  it("holds for a whole request", async () => {
    const { clock, registry } = createRig({ devicesPerSecond: 5 });
    await registry.provision(devices, { signal: new AbortController().signal });
    expect(clock.now()).toBe(29 * 200);
  });
});
