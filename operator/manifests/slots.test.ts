import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { Slots } from "./slots.ts";

const never = (): AbortSignal => new AbortController().signal;

it("lets so many in at a time, in the order in which they came", async () => {
  const slots = new Slots(2);
  const entered: number[] = [];
  const leave: (() => void)[] = [];
  const all = Promise.all(
    [0, 1, 2, 3].map(async (number) => {
      leave[number] = await slots.take(never());
      entered.push(number);
    }),
  );
  await turn();
  expect(entered).toEqual([0, 1]);
  leave[1]?.();
  leave[1]?.();
  await turn();
  expect(entered).toEqual([0, 1, 2]);
  leave[0]?.();
  await all;
  expect(entered).toEqual([0, 1, 2, 3]);
});

it("loses no slot to those who stop waiting", async () => {
  const slots = new Slots(1);
  const first = await slots.take(never());
  const stop = new AbortController();
  const gone = slots.take(stop.signal);
  const next = slots.take(never());
  stop.abort();
  await expect(gone).rejects.toMatchObject({ name: "AbortError" });
  const late = new AbortController();
  const inTime = slots.take(late.signal);
  first();
  (await next)();
  // It has the slot, though its signal aborts before it can go on.
  late.abort();
  (await inTime)();
  await expect(slots.take(AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  (await slots.take(never()))();
});
