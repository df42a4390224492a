import { ByteBudget } from "../../../operator/provisioning/byte-budget.ts";
import { LedgerStore } from "../../../operator/provisioning/ledger/store.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { NoLedgers } from "../ferry/no-ledgers.ts";
import { Sender } from "../ferry/sender.ts";
import { Ground } from "../ground/ground.ts";
import { atLeast, type Scenario } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";

const DEVICES = 100_000;
/** The operator's own (operator.ts). */
const BYTES_PER_SECOND = 64 * 1024;
const BURST_BYTES = 512 * 1024;

export const durable: Scenario = {
  name: "durable",
  about:
    "A reel of 100,000 with its ledger on a real API server and etcd, against the same with a ledger that is kept in " +
    "memory and never encoded or written. The operator's ferry, reader, caller and ledger store in the benchmark's " +
    "process (there is no switch in the operator that would turn durability off), the callee in another.",
  async run(context) {
    const { rounds, quick, log } = context;
    await using ground = await Ground.open(context);
    await using sender = await Sender.open();
    const reel = await sender.manifest("DURABLE", quick ? 2_000 : DEVICES);
    const budget = new ByteBudget(BYTES_PER_SECOND, BURST_BYTES, systemClock);
    const ledgers = new LedgerStore(ground.field.ledgers, budget, () => undefined);
    const pairs: { a: number; b: number }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      // Who comes first changes, so that neither has the warmer files.
      const stores = [ledgers, new NoLedgers()];
      const order = round % 2 === 0 ? stores : stores.toReversed();
      const taken = new Map<LedgerStore, number>();
      for (const store of order) taken.set(store, await sender.send(reel, store));
      const written = taken.get(ledgers) ?? Number.NaN;
      const none = [...taken].find(([store]) => store !== ledgers)?.[1] ?? Number.NaN;
      log(`round ${round}: durable ${written.toFixed(2)} s, not ${none.toFixed(2)} s`);
      if (round > 0) pairs.push({ a: reel.devices / written, b: reel.devices / none });
    }
    return [
      {
        name: "speed",
        what: "durable progress against none",
        value: medianRatio(pairs),
        unit: "×",
        goal: atLeast(0.9),
      },
      { name: "rate", what: "durable", value: median(pairs.map(({ a }) => a)), unit: "devices/s" },
      { name: "rate-none", what: "not durable", value: median(pairs.map(({ b }) => b)), unit: "devices/s" },
    ];
  },
};
