import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ApiError } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import type { KubeClient, ResourceClient } from "./client.ts";
import { ManualClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { LeaderElector, LeaseLost } from "./leader.ts";
import type { Lease } from "./leader.ts";

type Mode = "fine" | "hang" | "refuse" | "answer lost";

/** The one lease of a server, reached by each elector on a line of its own that may be bad. */
class LeaseServer {
  lease: Lease | undefined;
  writes = 0;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** A client whose line has the mode that `mode` gives at the time. */
  client(mode: () => Mode, latencyMs: number): Pick<KubeClient, "resource"> {
    const call = async (act: () => Lease, signal: AbortSignal | undefined): Promise<Lease> => {
      const now = mode();
      await this.#clock.sleep(now === "hang" ? 3_600_000 : latencyMs, signal);
      if (now === "refuse") throw new ApiError("503", { status: 503, reason: "ServiceUnavailable" });
      const answer = act();
      await this.#clock.sleep(now === "answer lost" ? 3_600_000 : latencyMs, signal);
      return structuredClone(answer);
    };
    const leases: Partial<ResourceClient<Lease>> = {
      get: (_key, signal) => call(() => this.#current(), signal),
      create: (lease, signal) => call(() => this.#write(lease, this.lease === undefined), signal),
      update: (lease, signal) => {
        const { resourceVersion } = lease.metadata;
        return call(
          () => this.#write(lease, resourceVersion === this.lease?.metadata.resourceVersion),
          signal,
        );
      },
    };
    return { resource: () => leases as never };
  }

  #current(): Lease {
    if (this.lease === undefined) throw new ApiError("404", { status: 404, reason: "NotFound" });
    return this.lease;
  }

  #write(lease: Lease, allowed: boolean): Lease {
    if (!allowed) throw new ApiError("409", { status: 409, reason: "Conflict" });
    this.writes += 1;
    const metadata = { ...lease.metadata, resourceVersion: String(this.writes) };
    this.lease = structuredClone({ ...lease, metadata });
    return this.lease;
  }
}

function skewed(clock: ManualClock, ms: number): Clock {
  return {
    now: () => clock.now() + ms,
    monotonic: () => clock.now(),
    setTimeout: (fn, delay) => clock.setTimeout(fn, delay),
    sleep: (delay, signal) => clock.sleep(delay, signal),
  };
}

/** An elector that runs, with what became of it. */
function run(
  server: LeaseServer,
  clock: ManualClock,
  identity: string,
  o: {
    mode?: () => Mode;
    skewMs?: number;
    latencyMs?: number;
    work?: (signal: AbortSignal) => Promise<void>;
  } = {},
) {
  const elector = new LeaderElector({
    client: server.client(o.mode ?? (() => "fine"), o.latencyMs ?? 20),
    namespace: "a",
    name: "certferry",
    identity,
    clock: skewed(clock, o.skewMs ?? 0),
    random: () => 0.5,
  });
  const stop = new AbortController();
  const seen = { started: 0, aborted: undefined as unknown, outcome: "running" as unknown };
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  const ended = elector
    .run(stop.signal, async (signal) => {
      seen.started = clock.now();
      signal.addEventListener("abort", () => {
        seen.aborted = signal.reason;
      });
      await (o.work ?? untilAborted)(signal);
    })
    .then(
      () => (seen.outcome = "released"),
      (error: unknown) => (seen.outcome = error),
    );
  return { elector, stop, seen, ended };
}

describe("LeaderElector", () => {
  it("takes a lease that nobody holds, with times of six digits, and renews it", async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    const server = new LeaseServer(clock);
    const one = run(server, clock, "one");
    await clock.advance(1_000);
    expect(one.elector.leading).toBe(true);
    expect(server.lease?.spec).toEqual({
      holderIdentity: "one",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-02T03:04:05.698000Z",
      renewTime: "2026-01-02T03:04:05.698000Z",
      leaseTransitions: 0,
    });
    await clock.advance(60_000);
    expect(server.lease?.spec).toMatchObject({
      acquireTime: "2026-01-02T03:04:05.698000Z",
      leaseTransitions: 0,
    });
    expect(server.writes).toBeGreaterThan(25);
    expect(one.elector.renewedWithin(2_500)).toBe(true);
    one.stop.abort();
    await clock.advance(5_000);
    await one.ended;
  });

  it("hands over at once when it is stopped: after its work has ended, with the holder emptied", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const one = run(server, clock, "one", { work: (signal) => drain(clock, signal, 12_000) });
    await clock.advance(1_000);
    const two = run(server, clock, "two");
    await clock.advance(5_000);
    one.stop.abort(new Error("rolling update"));
    await clock.advance(11_000);
    // Still at work, so still the holder.
    expect(server.lease?.spec?.holderIdentity).toBe("one");
    expect(one.elector.leading).toBe(true);
    expect(two.elector.leading).toBe(false);
    await clock.advance(6_000);
    expect(one.seen.outcome).toBe("released");
    expect(one.elector.leading).toBe(false);
    expect(two.elector.leading).toBe(true);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "two", leaseTransitions: 1 });
    two.stop.abort();
    await clock.advance(1_000);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
    expect(clock.pending).toBe(0);
  });

  it.each(["hang", "refuse", "answer lost"] as const)(
    "gives up after the renew deadline when the server is away (%s), and another takes over after the lease",
    async (mode) => {
      const clock = new ManualClock();
      const server = new LeaseServer(clock);
      let line: Mode = "fine";
      const one = run(server, clock, "one", { mode: () => line });
      await clock.advance(1_000);
      const two = run(server, clock, "two", { skewMs: -3_600_000 });
      await clock.advance(1_000);
      line = mode;
      await clock.advance(10_500);
      expect(one.seen.outcome).toBeInstanceOf(LeaseLost);
      expect(one.seen.aborted).toBeInstanceOf(LeaseLost);
      expect(one.elector.leading).toBe(false);
      expect(two.elector.leading).toBe(false);
      await clock.advance(mode === "answer lost" ? 16_000 : 10_000);
      expect(two.elector.leading).toBe(true);
    },
  );

  it("measures its lease from when it asked, not from when it was answered", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const from = clock.now();
    const mode = (): Mode => (clock.now() - from <= 3_000 ? "fine" : "hang");
    const one = run(server, clock, "one", { latencyMs: 1_000, mode });
    await clock.advance(3_500);
    expect(one.elector.leading).toBe(true);
    await clock.advance(6_400);
    expect(one.elector.leading).toBe(true);
    await clock.advance(200);
    expect(one.seen.outcome).toBeInstanceOf(LeaseLost);
  });

  it.each([300, 667, 900])("keeps the lease on a slow line (%i ms each way)", async (latencyMs) => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const one = run(server, clock, "one", { latencyMs });
    await clock.advance(120_000);
    expect(one.seen.outcome).toBe("running");
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "one", leaseTransitions: 0 });
    // Somebody labels the lease: its version is no longer the one that was written last.
    const metadata = { name: "certferry", labels: { seen: "yes" }, resourceVersion: "labelled" };
    server.lease = { ...server.lease, apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata };
    await clock.advance(120_000);
    expect(one.seen.outcome).toBe("running");
    expect(one.elector.renewedWithin(10_000)).toBe(true);
    expect(server.lease.metadata.labels).toEqual({ seen: "yes" });
    expect(server.lease.spec).toMatchObject({ holderIdentity: "one", leaseTransitions: 0 });
  });

  it("loses the lease when another holds it, whoever gave it to them", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const one = run(server, clock, "one");
    await clock.advance(1_000);
    const { lease } = server;
    if (lease === undefined) throw new Error("no lease");
    const spec = { ...lease.spec, holderIdentity: "usurper", renewTime: "2027-01-01T00:00:00.000000Z" };
    server.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: "999" }, spec };
    await clock.advance(3_000);
    expect(one.seen.outcome).toMatchObject({
      name: "LeaseLost",
      message: "the lease has been taken by usurper",
    });
    expect(server.lease.spec?.holderIdentity).toBe("usurper");
  });

  it("says that the lease is old when the process was stopped, before any timer has fired", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const paused = { late: 0 };
    const elector = new LeaderElector({
      client: server.client(() => "fine", 20),
      namespace: "a",
      name: "certferry",
      identity: "one",
      clock: { ...skewed(clock, 0), monotonic: () => clock.now() + paused.late },
    });
    const stop = new AbortController();
    const outcome = elector
      .run(stop.signal, (signal) => drain(clock, signal, 0))
      .catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(elector.renewedWithin(10_000)).toBe(true);
    paused.late = 60_000;
    expect(elector.leading).toBe(true);
    expect(elector.renewedWithin(10_000)).toBe(false);
    await clock.advance(2_000);
    expect(await outcome).toBeInstanceOf(LeaseLost);
  });

  it("passes on what the work throws, and releases the lease; also when the work ends by itself", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const failing = run(server, clock, "one", { work: () => Promise.reject(new Error("work failed")) });
    await clock.advance(1_000);
    expect(failing.seen.outcome).toMatchObject({ message: "work failed" });
    expect(server.lease?.spec?.holderIdentity).toBe("");
    const brief = run(server, clock, "two", { work: () => Promise.resolve() });
    await clock.advance(5_000);
    expect(brief.seen.outcome).toBe("released");
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });

  it("gives back a lease that it got just as it was stopped", async () => {
    const clock = new ManualClock();
    const server = new LeaseServer(clock);
    const one = run(server, clock, "one", { latencyMs: 100 });
    await clock.advance(250);
    expect(server.lease?.spec?.holderIdentity).toBe("one");
    one.stop.abort();
    await clock.advance(1_000);
    expect(one.seen).toMatchObject({ started: 0, outcome: "released" });
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });

  it.each([
    [{ leaseDurationMs: 10_000, renewDeadlineMs: 10_000 }, "leader election needs leaseDuration"],
    [{ renewDeadlineMs: 2_000 }, "leader election needs leaseDuration"],
    [{ identity: "" }, "leader election needs an identity"],
  ])("refuses settings that cannot work: %o", (settings, message) => {
    const client = new LeaseServer(new ManualClock()).client(() => "fine", 0);
    expect(
      () => new LeaderElector({ client, namespace: "a", name: "b", identity: "c", ...settings }),
    ).toThrow(message);
  });
});

async function drain(clock: Clock, signal: AbortSignal, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await clock.sleep(ms);
}

const FAULT = fc.record({
  mode: fc.constantFrom<Mode>("hang", "refuse", "answer lost"),
  from: fc.nat(120_000),
  ms: fc.integer({ min: 500, max: 40_000 }),
});
interface Plan {
  faults: { mode: Mode; from: number; ms: number }[];
  skewMs: number;
  latencyMs: number;
  restartAfterMs: number;
  stopAt: number | null;
}
const ELECTOR: fc.Arbitrary<Plan> = fc.record({
  faults: fc.array(FAULT, { maxLength: 4 }),
  skewMs: fc.integer({ min: -600_000, max: 600_000 }),
  latencyMs: fc.nat(700),
  restartAfterMs: fc.integer({ min: 100, max: 10_000 }),
  stopAt: fc.option(fc.nat(150_000)),
});

/** The whole of a try once had to fit into half of the time left: on this line no renewal ever did. */
const SLOW: Plan[] = [
  { faults: [], skewMs: 0, latencyMs: 667, restartAfterMs: 100, stopAt: null },
  { faults: [], skewMs: 0, latencyMs: 667, restartAfterMs: 619, stopAt: 9 },
];

it("never has two leaders at a time, and when the faults are over has one again, which stays", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ELECTOR, { minLength: 2, maxLength: 3 }), async (plans) => {
      const clock = new ManualClock(0);
      const server = new LeaseServer(clock);
      const end = new AbortController();
      const current: ReturnType<typeof run>[] = [];
      const processes = plans.map(async (plan, i) => {
        const mode = (): Mode =>
          plan.faults.find(({ from, ms }) => clock.now() >= from && clock.now() < from + ms)?.mode ?? "fine";
        const backoff = new Backoff({ baseMs: plan.restartAfterMs, jitter: 0 });
        for (let life = 1; !end.signal.aborted; life += 1) {
          const process = run(server, clock, `${i}-${life}`, { ...plan, mode });
          current[i] = process;
          const onEnd = (): void => process.stop.abort();
          end.signal.addEventListener("abort", onEnd, { once: true });
          if (plan.stopAt !== null && life === 1) clock.setTimeout(onEnd, plan.stopAt);
          await process.ended;
          await clock.sleep(backoff.delay(1), end.signal).catch(() => undefined);
        }
      });
      const leaders = () => current.filter(({ elector }) => elector.leading).length;
      for (let at = 0; at < 165_000; at += 500) {
        await clock.advance(500);
        expect(leaders()).toBeLessThanOrEqual(1);
      }
      await clock.advance(45_000);
      const leader = current.find(({ elector }) => elector.leading);
      for (let at = 0; at < 60_000; at += 500) {
        expect(leaders()).toBe(1);
        expect(leader?.elector.leading).toBe(true);
        await clock.advance(500);
      }
      end.abort();
      await clock.advance(3_600_000);
      await Promise.all(processes);
      expect(leaders()).toBe(0);
    }),
    { numRuns: 100, examples: [[SLOW]] },
  );
}, 120_000);
