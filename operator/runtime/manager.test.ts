import { describe, expect, it } from "vitest";

import type { KubeClient } from "./client.ts";
import { ManualClock } from "./clock.ts";
import { Controller } from "./controller.ts";
import type { EventRecorder } from "./events.ts";
import { LeaseLost } from "./leader.ts";
import type { LeaderElector } from "./leader.ts";
import { Manager } from "./manager.ts";
import type { ManagedInformer, ManagerOptions } from "./manager.ts";
import { recordingLogger } from "./testing/log.ts";

/** Parts that say when they begin and end, in one order for all. */
function parts(o: Partial<ManagerOptions> = {}) {
  const clock = new ManualClock();
  const order: string[] = [];
  const { log, lines } = recordingLogger();
  const client = { close: async () => void order.push("client closed") } as unknown as KubeClient;
  const events = { flush: async () => void order.push("events flushed") } as unknown as EventRecorder;
  const manager = new Manager({ client, events, clock, log, drainMs: 5_000, ...o });
  const stop = new AbortController();
  let outcome: unknown = "running";
  const run = async (): Promise<void> => {
    const ended = manager.run(stop.signal).then(
      () => (outcome = "ended"),
      (error: unknown) => (outcome = error),
    );
    await clock.advance(0);
    return void ended;
  };
  return { clock, order, lines, manager, stop, run, outcome: () => outcome };
}

function informer(order: string[], synced: Promise<void> = Promise.resolve()): ManagedInformer {
  const stopped = Promise.withResolvers<void>();
  return {
    name: "widgets",
    synced: true,
    start(signal) {
      order.push("informer started");
      signal.addEventListener("abort", () => {
        order.push("informer stopped");
        stopped.resolve();
      });
    },
    stopped: () => stopped.promise,
    waitForSync: (signal) =>
      Promise.race([
        synced,
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("stopped")));
        }),
      ]),
    staleForMs: () => 0,
  };
}

function controller(order: string[], clock: ManualClock, ms: number): Controller {
  const made = new Controller({
    name: "widget",
    clock,
    reconcile: async (key, { signal }) => {
      order.push(`${key} begun`);
      await clock.sleep(ms, signal);
      order.push(`${key} done`);
    },
  });
  made.enqueue("one");
  made.enqueue("two");
  return made;
}

/** Leads at once, and says what the lease goes through. */
function elector(order: string[], lost: Promise<void>): LeaderElector {
  const run: LeaderElector["run"] = async (signal, lead) => {
    order.push("lease taken");
    const inner = new AbortController();
    signal.addEventListener("abort", () => inner.abort(signal.reason));
    const error = new LeaseLost("lost");
    const losing = lost.then(() => {
      inner.abort(error);
      throw error;
    });
    await Promise.race([lead(inner.signal), losing]);
    order.push("lease released");
  };
  return {
    run,
    leading: true,
    leaseDurationMs: 15_000,
    renewedWithin: () => true,
  } as unknown as LeaderElector;
}

const NEVER = new Promise<void>(() => undefined);

describe("Manager", () => {
  it("starts and ends everything in order, draining what runs", async () => {
    const order: string[] = [];
    const t = parts({ elector: elector(order, NEVER) });
    const synced = Promise.withResolvers<void>();
    t.manager.addInformer(informer(order, synced.promise));
    t.manager.addController(controller(order, t.clock, 3_000));
    await t.run();
    expect(order).toEqual(["informer started"]);
    synced.resolve();
    await t.clock.advance(1_000);
    t.stop.abort();
    await t.clock.advance(1_999);
    expect(t.outcome()).toBe("running");
    await t.clock.advance(1);
    expect(t.outcome()).toBe("ended");
    expect([...order, ...t.order.splice(0)]).toEqual([
      "informer started",
      "lease taken",
      "one begun",
      "one done",
      "lease released",
      "informer stopped",
      "events flushed",
      "events flushed",
      "client closed",
    ]);
    expect(t.clock.pending).toBe(0);
  });

  it("aborts what drains for too long", async () => {
    const t = parts();
    t.manager.addController(controller(t.order, t.clock, 3_600_000));
    await t.run();
    t.stop.abort();
    await t.clock.advance(4_999);
    expect(t.outcome()).toBe("running");
    await t.clock.advance(1);
    expect(t.outcome()).toBe("ended");
    expect(t.order).toEqual(["one begun", "events flushed", "events flushed", "client closed"]);
    expect(t.clock.pending).toBe(0);
  });

  it("ends even when a part pays no heed", async () => {
    const t = parts();
    t.manager.addTask({ name: "deaf", run: () => NEVER });
    t.manager.addInformer({ ...informer(t.order), stopped: () => NEVER });
    await t.run();
    t.stop.abort();
    await t.clock.advance(5_000 + 2_000 + 2_000);
    expect(t.outcome()).toBe("ended");
    expect(t.lines.filter(({ msg }) => msg === "not everything has ended in order")).toHaveLength(2);
  });

  it("stops work at once, without draining, when the lease is lost, and fails", async () => {
    const order: string[] = [];
    const lost = Promise.withResolvers<void>();
    const t = parts({ elector: elector(order, lost.promise) });
    t.manager.addController(controller(order, t.clock, 3_000));
    await t.run();
    await t.clock.advance(1_000);
    lost.resolve();
    await t.clock.advance(0);
    expect(t.outcome()).toBeInstanceOf(LeaseLost);
    expect(order).toEqual(["lease taken", "one begun"]);
    expect(t.order.at(-1)).toBe("client closed");
  });

  it.each([true, false])("ends everything when a task fails (needing the lease: %s)", async (needsLease) => {
    const t = parts();
    t.manager.addController(controller(t.order, t.clock, 1_000));
    t.manager.addTask({
      name: "ferry",
      needsLease,
      run: async () => {
        await t.clock.sleep(500);
        throw new Error("the ferry sank");
      },
    });
    await t.run();
    await t.clock.advance(10_000);
    expect(t.outcome()).toMatchObject({ message: "the ferry sank" });
    expect(t.order).toContain("one done");
    expect(t.order).not.toContain("two begun");
    expect(t.lines.find(({ level }) => level === "error")).toMatchObject({ part: "ferry" });
  });

  it("ends before it began when it is stopped before it is in sync", async () => {
    const t = parts();
    t.manager.addInformer(informer(t.order, NEVER));
    t.manager.addController(controller(t.order, t.clock, 1_000));
    await t.run();
    t.stop.abort();
    await t.clock.advance(0);
    expect(t.outcome()).toBe("ended");
    expect(t.order).toEqual(["informer started", "events flushed", "informer stopped", "client closed"]);
  });

  it("does not end because its tasks have", async () => {
    const t = parts();
    t.manager.addTask({ name: "brief", run: () => Promise.resolve() });
    await t.run();
    await t.clock.advance(60_000);
    expect(t.outcome()).toBe("running");
    t.stop.abort();
    await t.clock.advance(0);
    expect(t.outcome()).toBe("ended");
  });
});
