import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Backoff } from "./backoff.ts";
import { ManualClock } from "./clock.ts";
import { WorkQueue } from "./queue.ts";

const NEVER = new AbortController().signal;

function queueAt(clock: ManualClock): WorkQueue {
  return new WorkQueue({ clock, backoff: new Backoff({ baseMs: 100, maxMs: 1_000, jitter: 0 }) });
}

describe("WorkQueue", () => {
  it("hands out a key once however often it was added, in the order of the first addition", async () => {
    const queue = queueAt(new ManualClock());
    for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
    expect(queue.length).toBe(3);
    expect([await queue.take(NEVER), await queue.take(NEVER), await queue.take(NEVER)]).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  it("hands a key that was added while it was processed out again, but only when that is done", async () => {
    const queue = queueAt(new ManualClock());
    queue.add("a");
    await queue.take(NEVER);
    queue.add("a");
    queue.add("a");
    expect(queue.length).toBe(0);
    queue.done("a");
    expect(queue.length).toBe(1);
    await queue.take(NEVER);
    queue.done("a");
    expect(queue.length).toBe(0);
  });

  it("gives keys to workers that wait, the first first", async () => {
    const queue = queueAt(new ManualClock());
    const taken = [queue.take(NEVER), queue.take(NEVER)];
    queue.add("a");
    queue.add("b");
    expect(await Promise.all(taken)).toEqual(["a", "b"]);
  });

  it("gives nothing to a worker whose signal is aborted, and its key to the next", async () => {
    const queue = queueAt(new ManualClock());
    const abort = new AbortController();
    const stopped = queue.take(abort.signal);
    const next = queue.take(NEVER);
    abort.abort();
    queue.add("a");
    expect(await stopped).toBeUndefined();
    expect(await next).toBe("a");
    expect(await queue.take(abort.signal)).toBeUndefined();
  });

  it("tells what goes through it, and how long its keys wait and are worked on", async () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const queue = new WorkQueue({
      clock,
      observer: {
        added: () => told.push("added"),
        delayed: () => told.push("delayed"),
        taken: (waited) => told.push(`taken after ${waited}`),
        done: (worked) => told.push(`done after ${worked}`),
      },
    });
    queue.add("a");
    queue.add("a");
    queue.addAfter("b", 5_000);
    await clock.advance(2_000);
    expect(queue.oldest).toBe(2);
    await queue.take(NEVER);
    expect(queue.oldest).toBe(0);
    await clock.advance(1_000);
    queue.add("a");
    await clock.advance(2_000);
    await queue.take(NEVER);
    await clock.advance(1_000);
    expect(queue.working).toEqual({ longest: 4, sum: 5 });
    queue.done("a");
    await queue.take(NEVER);
    expect(told).toEqual([
      "added",
      "delayed",
      "taken after 2",
      "added",
      "added",
      "taken after 0",
      "done after 4",
      "taken after 3",
    ]);
  });

  it("adds later, at the soonest of several times, and not at all later when it is added now", async () => {
    const clock = new ManualClock();
    const queue = queueAt(clock);
    queue.addAfter("a", 500);
    queue.addAfter("a", 200);
    queue.addAfter("a", 300);
    await clock.advance(199);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    queue.addAfter("b", 500);
    queue.add("b");
    expect(clock.pending).toBe(0);
    expect(queue.delayed).toBe(0);
  });

  it("backs off from failure to failure until the key is forgotten", async () => {
    const clock = new ManualClock();
    const queue = queueAt(clock);
    const delays: (number | undefined)[] = [];
    for (let i = 0; i < 5; i += 1) {
      queue.addRateLimited("a");
      delays.push(clock.nextIn);
      await clock.advance(1_000);
      await queue.take(NEVER);
      queue.done("a");
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_000]);
    queue.forget("a");
    expect(queue.addRateLimited("a")).toBe(100);
  });

  it("keeps no timer and takes nothing more once it is closed", () => {
    const clock = new ManualClock();
    const queue = queueAt(clock);
    queue.addAfter("a", 10);
    queue.add("b");
    queue.close();
    queue.add("c");
    queue.addRateLimited("d");
    expect({ length: queue.length, timers: clock.pending }).toEqual({ length: 0, timers: 0 });
  });
});

type Step =
  | { do: "add"; key: string }
  | { do: "addAfter"; key: string; ms: number }
  | { do: "retry"; key: string }
  | { do: "take" }
  | { do: "done"; key: string }
  | { do: "wait"; ms: number };

const KEY = fc.constantFrom("a", "b", "c");
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("add" as const), key: KEY }),
  fc.record({ do: fc.constant("addAfter" as const), key: KEY, ms: fc.nat(300) }),
  fc.record({ do: fc.constant("retry" as const), key: KEY }),
  fc.record({ do: fc.constant("take" as const) }),
  fc.record({ do: fc.constant("done" as const), key: KEY }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(300) }),
);

it("never has two workers on a key, and always hands out what was added since its worker began", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 60 }), async (steps) => {
      const clock = new ManualClock();
      const queue = queueAt(clock);
      const stop = new AbortController();
      const working = new Set<string>();
      /** Added at some time, and no worker has begun on it since. */
      const owed = new Set<string>();
      const taken: Promise<void>[] = [];
      const take = (): void => {
        const begun = (async () => {
          const key = await queue.take(stop.signal);
          if (key === undefined) return;
          expect(working.has(key)).toBe(false);
          working.add(key);
          owed.delete(key);
        })();
        taken.push(begun);
      };
      for (const step of steps) {
        switch (step.do) {
          case "add":
            owed.add(step.key);
            queue.add(step.key);
            break;
          case "addAfter":
            owed.add(step.key);
            queue.addAfter(step.key, step.ms);
            break;
          case "retry":
            owed.add(step.key);
            queue.addRateLimited(step.key);
            break;
          case "take":
            take();
            break;
          case "done":
            if (working.delete(step.key)) queue.done(step.key);
            break;
          case "wait":
            break;
        }
        await clock.advance(step.do === "wait" ? step.ms : 0);
      }
      // Workers finish and take on; after the longest delay nothing may be owed.
      for (let round = 0; round < 8; round += 1) {
        for (const key of working) queue.done(key);
        working.clear();
        take();
        await clock.advance(1_000);
      }
      stop.abort();
      await Promise.all(taken);
      expect([...owed]).toEqual([]);
      expect({ ready: queue.length, delayed: queue.delayed }).toEqual({ ready: 0, delayed: 0 });
    }),
    { numRuns: 100 },
  );
});
