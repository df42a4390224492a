import { describe, expect, it } from "vitest";
import { ManualClock } from "../runtime/clock.ts";
import { Lane } from "./lane.ts";

const never = new AbortController().signal;

async function settledTurn(turn: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol("waiting");
  return (await Promise.race([turn, new Promise((resolve) => setImmediate(resolve, waiting))])) !== waiting;
}

describe("Lane", () => {
  it("lets placements take turns", async () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    lane.limit("a", { maxInFlight: 1 });
    const order: string[] = [];
    const place = async (name: string): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        const ended = await lane.turn(1, never);
        order.push(name);
        ended(undefined);
      }
    };
    await Promise.all([place("a"), place("b"), place("c")]);
    expect(order.join("")).toBe("abcabcabc");
  });

  it("holds requests in flight to the ceiling", async () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    lane.limit("a", { maxInFlight: 1 });
    const first = await lane.turn(1, never);
    const second = lane.turn(1, never);
    expect(await settledTurn(second)).toBe(false);
    first(undefined);
    expect(await settledTurn(second)).toBe(true);
  });

  it("holds the lowest ceiling of those who share it, while they do", () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    lane.limit("a", { maxDevicesPerRequest: 10 });
    lane.limit("b", { maxDevicesPerRequest: 3 });
    expect(lane.size).toBe(3);
    lane.unlimit("b");
    expect(lane.size).toBe(10);
  });

  it("holds everyone back after a refusal, and lets one try when the pause is over", async () => {
    const clock = new ManualClock();
    const lane = new Lane(clock, () => 0.5);
    (await lane.turn(1, never))({ kind: "throttled", retryAfterMs: 5_000 });
    const next = lane.turn(1, never);
    await clock.advance(4_900);
    expect(await settledTurn(next)).toBe(false);
    await clock.advance(200);
    expect(await settledTurn(next)).toBe(true);
  });

  it("gives up the place of who stops waiting, so that it blocks nobody", async () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    lane.limit("a", { maxInFlight: 1 });
    const ended = await lane.turn(1, never);
    const stop = new AbortController();
    const stopped = lane.turn(1, stop.signal);
    const after = lane.turn(1, never);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    ended(undefined);
    expect(await settledTurn(after)).toBe(true);
  });

  it("frees the place of who stops during a pause", async () => {
    const clock = new ManualClock();
    const lane = new Lane(clock, () => 0.5);
    (await lane.turn(1, never))({ kind: "throttled", retryAfterMs: 60_000 });
    const stop = new AbortController();
    const stopped = lane.turn(1, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    const next = lane.turn(1, never);
    await clock.advance(61_000);
    expect(await settledTurn(next)).toBe(true);
  });

  it("lets a few placements read at a time, the next when one goes, and tells that others wait", async () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    const ashore = await Promise.all(Array.from({ length: 8 }, () => lane.board(never)));
    expect(lane.crowded).toBe(false);
    const stop = new AbortController();
    const stopped = lane.board(stop.signal);
    const next = lane.board(never);
    expect(lane.crowded).toBe(true);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    expect(await settledTurn(next)).toBe(false);
    ashore[0]?.();
    expect(await settledTurn(next)).toBe(true);
    expect(lane.crowded).toBe(false);
  });
});
