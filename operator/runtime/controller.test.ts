import { describe, expect, it } from "vitest";

import { ApiError } from "./api-error.ts";
import { Backoff } from "./backoff.ts";
import { ManualClock } from "./clock.ts";
import { Controller } from "./controller.ts";
import type { ControllerOptions, ReconcileOutcome } from "./controller.ts";
import { recordingLogger } from "./testing/log.ts";

function start(o: Omit<ControllerOptions, "name" | "clock" | "log" | "backoff">) {
  const clock = new ManualClock();
  const { log, lines } = recordingLogger();
  const backoff = new Backoff({ baseMs: 1_000, maxMs: 60_000, jitter: 0 });
  const outcomes: ReconcileOutcome["result"][] = [];
  const onOutcome = (outcome: ReconcileOutcome): void => void outcomes.push(outcome.result);
  const controller = new Controller({ name: "reel", clock, log, backoff, onOutcome, ...o });
  const stop = new AbortController();
  const kill = new AbortController();
  let ended = false;
  const running = controller.run(stop.signal, kill.signal).then(() => {
    ended = true;
    return ended;
  });
  return { clock, lines, outcomes, controller, stop, kill, running, ended: () => ended };
}

const conflict = new ApiError("PUT: 409", { status: 409, reason: "Conflict" });

describe("Controller", () => {
  it("logs a failure once, with its reason, and tries again with growing delays until it succeeds", async () => {
    const at: number[] = [];
    const { clock, controller, lines, outcomes, stop, running } = start({
      reconcile: async () => {
        at.push(clock.now());
        if (at.length < 4) throw new ApiError("GET: 503", { status: 503, reason: "ServiceUnavailable" });
      },
    });
    controller.enqueue("d001");
    await clock.advance(60_000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 1_000, 3_000, 7_000]);
    expect(outcomes).toEqual(["error", "error", "error", "success"]);
    const errors = lines.filter(({ level }) => level === "error");
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatchObject({
      controller: "reel",
      name: "d001",
      err: { message: "GET: 503", reason: "ServiceUnavailable", status: 503 },
      failures: 1,
      retryInMs: 1_000,
    });
    controller.enqueue("d001");
    await clock.advance(0);
    expect(controller.queue.failures("d001")).toBe(0);
    stop.abort();
    await running;
  });

  it("treats what is thrown before the first await, and what is no Error, as a failure like any other", async () => {
    const thrown: unknown[] = [new Error("at once"), "a string", undefined];
    const { clock, controller, lines, stop, running } = start({
      reconcile: () => {
        if (thrown.length > 0) throw thrown.shift();
        return Promise.resolve();
      },
    });
    controller.enqueue("a");
    await clock.advance(60_000);
    expect(lines.map((line) => (line["err"] as { message: string }).message)).toEqual([
      "at once",
      "a string",
      "undefined",
    ]);
    stop.abort();
    await running;
  });

  it("retries conflicts quickly and quietly, and as failures when they do not end", async () => {
    let left = 3;
    const { clock, controller, lines, outcomes, stop, running } = start({
      reconcile: async () => {
        left -= 1;
        if (left >= 0) throw conflict;
      },
    });
    controller.enqueue("a");
    await clock.advance(500);
    expect(outcomes).toEqual(["conflict", "conflict", "conflict", "success"]);
    expect(lines.filter(({ level }) => level !== "debug")).toEqual([]);
    left = 1_000;
    controller.enqueue("a");
    await clock.advance(10_000);
    expect(outcomes).toContain("error");
    expect(lines.find(({ level }) => level === "error")).toMatchObject({ err: { reason: "Conflict" } });
    stop.abort();
    await running;
  });

  it("looks again after the time that a reconcile asks for", async () => {
    const at: number[] = [];
    const { clock, controller, outcomes, stop, running } = start({
      reconcile: async () => {
        at.push(clock.now());
        return { requeueAfterMs: 30_000 };
      },
    });
    controller.enqueue("a");
    await clock.advance(65_000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 30_000, 60_000]);
    expect(outcomes[0]).toBe("requeue_after");
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  });

  it("works on several keys at a time, but on one key with one worker", async () => {
    let running = 0;
    let most = 0;
    const onA: string[] = [];
    const t = start({
      workers: 3,
      reconcile: async (key) => {
        running += 1;
        most = Math.max(most, running);
        if (key === "a") onA.push("begin");
        await t.clock.sleep(100);
        if (key === "a") onA.push("end");
        running -= 1;
      },
    });
    for (const key of ["a", "b", "c", "d"]) t.controller.enqueue(key);
    await t.clock.advance(50);
    t.controller.enqueue("a");
    await t.clock.advance(1_000);
    expect(most).toBe(3);
    expect(onA).toEqual(["begin", "end", "begin", "end"]);
    t.stop.abort();
    await t.running;
  });

  it("aborts a reconcile that takes too long, and says that this was the reason", async () => {
    const { clock, controller, lines, stop, running } = start({
      timeoutMs: 5_000,
      reconcile: async (_key, { signal }) => {
        await clock.sleep(3_600_000, signal).catch(() => {
          throw new Error("request aborted");
        });
      },
    });
    controller.enqueue("a");
    await clock.advance(5_000);
    expect(lines.at(-1)).toMatchObject({
      msg: "reconcile failed",
      err: { type: "ReconcileTimeout", message: "the reconcile was stopped: it took longer than 5000 ms" },
    });
    stop.abort();
    await running;
  });

  it("gives the worker of a reconcile that heeds no signal other keys, but that key to no other worker", async () => {
    const begun: string[] = [];
    const stuck = Promise.withResolvers<void>();
    const { clock, controller, lines, stop, running } = start({
      timeoutMs: 5_000,
      reconcile: async (key) => {
        begun.push(key);
        if (key === "stuck") await stuck.promise;
      },
    });
    controller.enqueue("stuck");
    controller.enqueue("next");
    await clock.advance(9_999);
    expect(begun).toEqual(["stuck"]);
    controller.enqueue("stuck");
    await clock.advance(1);
    expect(begun).toEqual(["stuck", "next"]);
    expect(lines.at(-1)).toMatchObject({ level: "error", name: "stuck" });
    stuck.resolve();
    await clock.advance(0);
    expect(begun).toEqual(["stuck", "next", "stuck"]);
    stop.abort();
    await running;
  });

  it("takes no more keys when it is stopped, and ends when what runs has ended", async () => {
    const done: string[] = [];
    const { clock, controller, stop, running, ended } = start({
      reconcile: async (key, { signal }) => {
        await clock.sleep(3_000, signal);
        done.push(key);
      },
    });
    controller.enqueue("a");
    controller.enqueue("b");
    await clock.advance(1_000);
    stop.abort();
    await clock.advance(1_999);
    expect(ended()).toBe(false);
    await clock.advance(1);
    await running;
    expect(done).toEqual(["a"]);
    expect(clock.pending).toBe(0);
  });

  it("aborts what runs when it is killed", async () => {
    const { clock, controller, lines, stop, kill, running } = start({
      reconcile: async (_key, { signal }) => clock.sleep(3_600_000, signal),
    });
    controller.enqueue("a");
    await clock.advance(0);
    stop.abort();
    kill.abort(new Error("the lease is lost"));
    await running;
    expect(lines.at(-1)).toMatchObject({ msg: "reconcile failed", err: { message: "the lease is lost" } });
    expect(clock.pending).toBe(0);
  });
});
