import { ByteBudget } from "../../../operator/provisioning/byte-budget.ts";
import { Ferry } from "../../../operator/provisioning/ferry.ts";
import { LedgerStore } from "../../../operator/provisioning/ledger/store.ts";
import { seeded } from "../../../operator/provisioning/testing/crossing.ts";
import { MemoryLedgers } from "../../../operator/provisioning/testing/ledgers.ts";
import { type Clock, ManualClock } from "../../../operator/runtime/clock.ts";
import { silentLogger } from "../../../operator/runtime/logger.ts";
import { QuotaCaller } from "../cloud/quota-caller.ts";
import type { QuotaManners } from "../cloud/quota.ts";
import type { Tallied } from "../callee/tally.ts";
import { placementSpec } from "./placement.ts";
import { SyntheticContents } from "./synthetic-contents.ts";

/**
 * The ferry, a reel and a cloud with a quota, for so many seconds of a clock that is moved from timer to timer:
 * half an hour at ten devices a second takes seconds, and comes out the same each time.
 * @throws Error when the reel ends before the time does
 * @param lateMs by so much, at most, the ferry's timers fire late: the machine is busy
 */
export async function simulate(
  manners: QuotaManners,
  seconds: number,
  seed = 1,
  lateMs = 0,
): Promise<Tallied> {
  const clock = new ManualClock();
  const random = seeded(seed);
  const caller = new QuotaCaller(manners, clock, random);
  const budget = new ByteBudget(64 * 1024, 512 * 1024, clock);
  const ferry = new Ferry({
    caller,
    contents: await SyntheticContents.make(),
    store: new LedgerStore(new MemoryLedgers().client, budget, () => undefined),
    clock: lateMs === 0 ? clock : lateClock(clock, lateMs, seeded(seed)),
    random,
    log: silentLogger,
    changed: () => undefined,
    mayAct: () => true,
  });
  const devices = Math.ceil(manners.devicesPerSecond * (seconds + 60));
  ferry.declare(placementSpec({ batchId: `1:${devices}`, devices, reel: "b1", target: "0123456789" }));
  const end = clock.now() + seconds * 1_000;
  await clock.advance(1);
  for (let next = clock.nextIn; clock.now() + (next ?? 1_000) < end; next = clock.nextIn) {
    if (next === undefined && caller.tally.figures().letIn >= devices)
      throw new Error("the reel was too short");
    await clock.advance(next ?? 1_000);
  }
  const figures = caller.tally.figures();
  const closing = ferry.close(0);
  await clock.advance(120_000);
  await closing;
  return figures;
}

function lateClock(clock: Clock, lateMs: number, random: () => number): Clock {
  return {
    now: () => clock.now(),
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms + random() * lateMs),
    sleep: (ms, signal) => clock.sleep(ms + random() * lateMs, signal),
  };
}
