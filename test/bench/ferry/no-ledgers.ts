import { ByteBudget } from "../../../operator/provisioning/byte-budget.ts";
import { Ledger } from "../../../operator/provisioning/ledger/ledger.ts";
import { type LedgerIdentity, LedgerStore } from "../../../operator/provisioning/ledger/store.ts";
import { MemoryLedgers } from "../../../operator/provisioning/testing/ledgers.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";

/** Progress that is noted in memory and nowhere else: what durable progress is held against. */
export class NoLedgers extends LedgerStore {
  constructor() {
    super(new MemoryLedgers().client, new ByteBudget(1, 1, systemClock), () => undefined);
  }

  override load({ records }: LedgerIdentity): Promise<Ledger> {
    return Promise.resolve(new Ledger(records));
  }

  override save(_identity: LedgerIdentity, ledger: Ledger): Promise<void> {
    for (const chunk of ledger.chunks) {
      chunk.dirty = false;
      chunk.resourceVersion = "0";
    }
    return Promise.resolve();
  }
}
