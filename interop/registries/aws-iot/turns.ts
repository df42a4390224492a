import { untilAborted } from "./clock.ts";

/** Has work on one thing name done one after another, in the order in which it was asked for. */
export type Turns = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/**
 * Two certificates of one name in one request would otherwise race, and which of them gets the name would
 * depend on the network. Between processes AWS decides (`thing.ts`).
 */
export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();

  async function forget(name: string, mine: Promise<void>): Promise<void> {
    await mine;
    if (last.get(name) === mine) last.delete(name);
  }

  return async (name, signal, work) => {
    const before = last.get(name);
    const done = Promise.withResolvers<void>();
    // Who gives up waiting is passed over; whoever comes after still waits for those before.
    const mine = before === undefined ? done.promise : both(before, done.promise);
    last.set(name, mine);
    void forget(name, mine);
    try {
      if (before !== undefined) await untilAborted(before, signal);
      return await work();
    } finally {
      done.resolve();
    }
  };
}

async function both(before: Promise<void>, done: Promise<void>): Promise<void> {
  await before;
  await done;
}
