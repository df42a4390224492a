import { describe, expect, it } from "vitest";
import { ApiError } from "../runtime/api-error.ts";
import { ManualClock } from "../runtime/clock.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Checkpoint } from "./checkpoint.ts";
import { PROVISIONED } from "./ledger/states.ts";
import { LedgerConflict, type LedgerIdentity, LedgerStore } from "./ledger/store.ts";
import { MemoryLedgers } from "./testing/ledgers.ts";

const never = new AbortController().signal;
const identity: LedgerIdentity = {
  reel: "d001",
  account: "acme",
  target: { key: "AWS/1/eu", type: "AWS", hash: "00ff00ff00" },
  cloudApi: "aws",
  manifestSha256: "ab".repeat(32),
  records: 100,
};

async function setUp() {
  const clock = new ManualClock();
  const ledgers = new MemoryLedgers();
  const store = new LedgerStore(ledgers.client, new ByteBudget(1e6, 1e6, clock), () => undefined);
  const ledger = await store.load(identity, never);
  const checkpoint = new Checkpoint(store, () => identity, ledger, clock);
  await checkpoint.flush(never);
  let marked = 0;
  const progress = (): void => {
    ledger.mark(marked, PROVISIONED);
    marked += 1;
    checkpoint.changed();
  };
  return { clock, ledgers, ledger, checkpoint, progress };
}

const away = (): never => {
  throw new ApiError("away", { status: 0, reason: "ConnectionFailed" });
};

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol("waiting");
  return (
    (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, waiting))])) !== waiting
  );
}

describe("Checkpoint", () => {
  it("writes once a second, what there is by then", async () => {
    const { clock, ledgers, progress } = await setUp();
    await clock.advance(1_000);
    for (let i = 0; i < 50; i += 1) {
      progress();
      await clock.advance(100);
    }
    expect(ledgers.writes.length).toBeGreaterThanOrEqual(5);
    expect(ledgers.writes.length).toBeLessThanOrEqual(7);
    await clock.advance(1_000);
    expect(ledgers.writes.at(-1)?.object.spec.counts.provisioned).toBe(50);
  });

  it("writes nothing when nothing changed", async () => {
    const { clock, ledgers, checkpoint } = await setUp();
    checkpoint.changed();
    await clock.advance(10_000);
    await checkpoint.flush(never);
    expect(ledgers.writes).toHaveLength(1);
  });

  it("tries again after a failure, and lets devices go on for five seconds meanwhile", async () => {
    const { clock, ledgers, checkpoint, progress } = await setUp();
    await clock.advance(1_000);
    ledgers.beforeWrite = away;
    progress();
    await clock.advance(4_000);
    const told: unknown[] = [];
    await checkpoint.ready(never, (failure) => told.push(failure));
    expect(told).toEqual([]);
    await clock.advance(2_000);
    const ready = checkpoint.ready(never, (failure) => told.push(failure));
    expect(await settled(ready)).toBe(false);
    expect(told).toMatchObject([{ message: "away" }]);
    ledgers.beforeWrite = () => undefined;
    await clock.advance(3_000);
    await ready;
    expect(ledgers.writes).toHaveLength(2);
  });

  it("counts a write that hangs as overdue too", async () => {
    const { clock, ledgers, checkpoint, progress } = await setUp();
    await clock.advance(1_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    ledgers.beforeWrite = () => promise;
    progress();
    await clock.advance(100);
    progress();
    await clock.advance(6_000);
    const ready = checkpoint.ready(never, () => undefined);
    expect(await settled(ready)).toBe(false);
    resolve();
    await clock.advance(3_000);
    await ready;
    expect(ledgers.writes.at(-1)?.object.spec.counts.provisioned).toBe(2);
  });

  it("stops for good when somebody else wrote the ledger", async () => {
    const { clock, ledgers, checkpoint, progress } = await setUp();
    await clock.advance(1_000);
    ledgers.meddle("d001.00ff00ff00.0");
    progress();
    await clock.advance(100);
    await expect(checkpoint.ready(never, () => undefined)).rejects.toThrow(LedgerConflict);
    await expect(checkpoint.flush(never)).rejects.toThrow(LedgerConflict);
    progress();
    await clock.advance(10_000);
    expect(ledgers.writes).toHaveLength(1);
  });

  it("flushes after the write that is under way, and tells what hinders it", async () => {
    const { clock, ledgers, checkpoint, progress } = await setUp();
    await clock.advance(1_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    ledgers.beforeWrite = () => promise;
    progress();
    await clock.advance(10);
    progress();
    const flushed = checkpoint.flush(never);
    expect(await settled(flushed)).toBe(false);
    resolve();
    await flushed;
    expect(ledgers.writes.at(-1)?.object.spec.counts.provisioned).toBe(2);
    ledgers.beforeWrite = away;
    progress();
    await expect(checkpoint.flush(never)).rejects.toThrow("away");
  });

  it("writes nothing by itself once it is closed", async () => {
    const { clock, ledgers, checkpoint, progress } = await setUp();
    progress();
    checkpoint.close();
    progress();
    await clock.advance(10_000);
    expect(ledgers.writes).toHaveLength(1);
  });
});
