import { describe, expect, it } from "vitest";
import { ManualClock } from "../runtime/clock.ts";
import { type Grant, Lane, type Seat } from "./lane.ts";

const never = new AbortController().signal;

async function settled(turn: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol("waiting");
  return (await Promise.race([turn, new Promise((resolve) => setImmediate(resolve, waiting))])) !== waiting;
}

async function boarded(clock = new ManualClock()): Promise<{ lane: Lane; seat: Seat }> {
  const lane = new Lane(clock, () => 0.5);
  return { lane, seat: await lane.board(never) };
}

describe("Lane", () => {
  it("lets placements take turns", async () => {
    const { lane } = await boarded();
    lane.limit("a", { maxInFlight: 1 });
    const order: string[] = [];
    const place = async (name: string): Promise<void> => {
      const seat = await lane.board(never);
      for (let i = 0; i < 3; i += 1) {
        const { ended } = await seat.turn(1, never);
        order.push(name);
        ended(undefined);
      }
    };
    await Promise.all([place("a"), place("b"), place("c")]);
    expect(order.join("")).toBe("abcabcabc");
  });

  it("shares by devices: who sends one at a time goes as often as makes it even", async () => {
    const { lane } = await boarded();
    lane.limit("a", { maxInFlight: 1, maxDevicesPerRequest: 9 });
    const sent = { large: 0, small: 0 };
    const stop = new AbortController();
    const place = async (name: keyof typeof sent, devices: number): Promise<void> => {
      const seat = await lane.board(never);
      // As a delivery does: who has left waits for the next turn at once.
      const turn = async (): Promise<Grant> => seat.turn(devices, stop.signal);
      let next = turn();
      while (sent.large + sent.small < 180) {
        const grant = await next;
        next = turn();
        next.catch(() => undefined);
        sent[name] += grant.devices;
        await new Promise((resolve) => setImmediate(resolve));
        grant.ended(undefined);
      }
      stop.abort(new Error("enough"));
    };
    await Promise.allSettled([place("large", 9), place("small", 1)]);
    expect(Math.abs(sent.large - sent.small)).toBeLessThanOrEqual(20);
  });

  it("lets who comes newly go before those who wait", async () => {
    const { lane, seat: old } = await boarded();
    lane.limit("a", { maxInFlight: 1 });
    for (let i = 0; i < 5; i += 1) (await old.turn(1, never)).ended(undefined);
    const first = await old.turn(1, never);
    const waiting = old.turn(1, never);
    const fresh = (await lane.board(never)).turn(1, never);
    first.ended(undefined);
    expect(await settled(fresh)).toBe(true);
    expect(await settled(waiting)).toBe(false);
  });

  it("holds requests in flight to the ceiling", async () => {
    const { lane, seat } = await boarded();
    lane.limit("a", { maxInFlight: 1 });
    const first = await seat.turn(1, never);
    const second = seat.turn(1, never);
    expect(await settled(second)).toBe(false);
    expect(lane.limitedBy).toBe("Limits");
    first.ended(undefined);
    expect(await settled(second)).toBe(true);
  });

  it("holds the lowest ceiling of those who share it, while they do", async () => {
    const { lane, seat } = await boarded();
    lane.limit("a", { maxDevicesPerRequest: 10 });
    lane.limit("b", { maxDevicesPerRequest: 3 });
    expect((await seat.turn(100, never)).devices).toBe(3);
    lane.unlimit("b");
    expect((await seat.turn(100, never)).devices).toBe(10);
  });

  it("holds everyone back after a refusal, and lets one try when the pause is over", async () => {
    const clock = new ManualClock();
    const { lane, seat } = await boarded(clock);
    (await seat.turn(1, never)).ended({ kind: "throttled", retryAfterMs: 5_000 });
    const next = seat.turn(1, never);
    await clock.advance(4_900);
    expect(await settled(next)).toBe(false);
    expect(lane.limitedBy).toBe("CloudThrottling");
    await clock.advance(200);
    expect(await settled(next)).toBe(true);
  });

  it("tells that a cloud cannot be reached, and when it is tried next", async () => {
    const clock = new ManualClock();
    const { lane, seat } = await boarded(clock);
    (await seat.turn(1, never)).ended({ kind: "unavailable", hopeless: true });
    expect(lane.limitedBy).toBe("Unreachable");
    expect(lane.pausedUntil).toBeGreaterThan(clock.now());
  });

  it("gives up the place of who stops waiting, so that it blocks nobody", async () => {
    const { lane, seat } = await boarded();
    lane.limit("a", { maxInFlight: 1 });
    const first: Grant = await seat.turn(1, never);
    const stop = new AbortController();
    const stopped = seat.turn(1, stop.signal);
    const after = seat.turn(1, never);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    first.ended(undefined);
    expect(await settled(after)).toBe(true);
    await expect(seat.turn(1, stop.signal)).rejects.toThrow("stopped");
  });

  it("frees the place of who stops during a pause", async () => {
    const clock = new ManualClock();
    const { seat } = await boarded(clock);
    (await seat.turn(1, never)).ended({ kind: "throttled", retryAfterMs: 60_000 });
    const stop = new AbortController();
    const stopped = seat.turn(1, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    const next = seat.turn(1, never);
    await clock.advance(61_000);
    expect(await settled(next)).toBe(true);
  });

  it("counts a request's end once, and follows ceilings that change while requests wait", async () => {
    const { lane, seat } = await boarded();
    lane.limit("a", { maxInFlight: 1 });
    const first = await seat.turn(1, never);
    const second = seat.turn(1, never);
    lane.limit("a", { maxInFlight: 2 });
    const { ended } = await second;
    ended(undefined);
    ended(undefined);
    first.ended(undefined);
    const [third, fourth, fifth] = [seat.turn(1, never), seat.turn(1, never), seat.turn(1, never)];
    expect(await settled(Promise.all([third, fourth]))).toBe(true);
    expect(await settled(fifth)).toBe(false);
  });

  it("lets a few placements read at a time, the next when one goes, and tells that others wait", async () => {
    const lane = new Lane(new ManualClock(), () => 0.5);
    const seats = await Promise.all(Array.from({ length: 8 }, () => lane.board(never)));
    expect(lane.crowded).toBe(false);
    const stop = new AbortController();
    const stopped = lane.board(stop.signal);
    const next = lane.board(never);
    expect(lane.crowded).toBe(true);
    // Who has little to send does not wait for them.
    expect(await settled(lane.board(never, true))).toBe(true);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    expect(await settled(next)).toBe(false);
    seats[0]?.leave();
    expect(await settled(next)).toBe(true);
    expect(lane.crowded).toBe(false);
  });
});
