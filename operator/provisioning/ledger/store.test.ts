import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { ApiError } from "../../runtime/api-error.ts";
import { ByteBudget } from "../byte-budget.ts";
import { MemoryLedgers } from "../testing/ledgers.ts";
import { CHUNK_DEVICES, LedgerFormatError } from "./format.ts";
import { failed, PROVISIONED, QUARANTINED } from "./states.ts";
import { chunkName, LedgerConflict, type LedgerIdentity, ledgerSelector, LedgerStore } from "./store.ts";

const never = new AbortController().signal;

function identity(records: number): LedgerIdentity {
  return {
    reel: "d001",
    account: "acme",
    target: { key: "Azure/sub/host", type: "Azure", hash: "00ff00ff00" },
    cloudApi: "azure",
    manifestSha256: "ab".repeat(32),
    records,
  };
}

function setUp(bytesPerSecond = 1e9) {
  const clock = new ManualClock();
  const ledgers = new MemoryLedgers();
  const seen: string[] = [];
  const budget = new ByteBudget(bytesPerSecond, bytesPerSecond, clock);
  const store = new LedgerStore(ledgers.client, budget, ({ metadata }) => seen.push(metadata.name));
  return { clock, ledgers, store, seen };
}

describe("LedgerStore", () => {
  it("reads back what it wrote, over several chunks, and says so to the caches", async () => {
    const { store, seen } = setUp();
    const id = identity(CHUNK_DEVICES * 2 + 5);
    const ledger = await store.load(id, never);
    ledger.mark(0, PROVISIONED);
    ledger.mark(CHUNK_DEVICES, QUARANTINED);
    ledger.mark(CHUNK_DEVICES * 2 + 4, failed("IdentityTaken"));
    ledger.startedAt = "2026-01-01T00:00:00.000Z";
    ledger.deviceEndpoint = "hub.test.invalid";
    await store.save(id, ledger, never);
    expect(ledger.dirty).toBe(false);
    // The head last, so that what it says of the whole is never ahead of the parts.
    expect(seen).toEqual([2, 1, 0].map((index) => chunkName("d001", id.target, index)));

    const again = await store.load(id, never);
    expect(again.counts()).toEqual(ledger.counts());
    expect(again.state(CHUNK_DEVICES * 2 + 4)).toBe(failed("IdentityTaken"));
    expect(again.state(CHUNK_DEVICES)).toBe(QUARANTINED);
    expect(again).toMatchObject({
      startedAt: ledger.startedAt,
      deviceEndpoint: "hub.test.invalid",
      dirty: false,
    });
  });

  it("writes only what changed, and finds chunks that were never written pending", async () => {
    const { store, seen, ledgers } = setUp();
    const id = identity(CHUNK_DEVICES + 1);
    const ledger = await store.load(id, never);
    await store.save(id, ledger, never);
    seen.length = 0;
    ledger.mark(3, PROVISIONED);
    await store.save(id, ledger, never);
    expect(seen).toEqual([chunkName("d001", id.target, 0)]);
    await ledgers.client.delete({ name: chunkName("d001", id.target, 1) });
    expect((await store.load(id, never)).counts()).toMatchObject({ provisioned: 1, pending: CHUNK_DEVICES });
  });

  it("tells apart reels and targets whose names begin alike", async () => {
    const { store } = setUp();
    const id = identity(2);
    const ledger = await store.load(id, never);
    ledger.mark(0, PROVISIONED);
    await store.save(id, ledger, never);
    expect((await store.load({ ...id, reel: "d00" }, never)).counts().provisioned).toBe(0);
    const target = { ...id.target, hash: "00ff00ff01" };
    expect((await store.load({ ...id, target }, never)).counts().provisioned).toBe(0);
    expect(ledgerSelector("d001", id.target)).toBe("certferry.dev/reel=d001,certferry.dev/target=00ff00ff00");
  });

  it("keeps what changes while a write is under way for the next one", async () => {
    const { store, ledgers } = setUp();
    const id = identity(3);
    const ledger = await store.load(id, never);
    ledgers.beforeWrite = () => {
      ledger.mark(1, PROVISIONED);
    };
    await store.save(id, ledger, never);
    expect(ledger.dirty).toBe(true);
    ledgers.beforeWrite = () => undefined;
    await store.save(id, ledger, never);
    expect(ledger.dirty).toBe(false);
    expect((await store.load(id, never)).state(1)).toBe(PROVISIONED);
  });

  it("says so when somebody else wrote, made or deleted the object, and keeps the rest dirty", async () => {
    const { store, ledgers } = setUp();
    const id = identity(3);
    const name = chunkName("d001", id.target, 0);
    const mine = await store.load(id, never);
    const theirs = await store.load(id, never);
    await store.save(id, theirs, never);
    await expect(store.save(id, mine, never)).rejects.toThrow(LedgerConflict);
    expect(mine.dirty).toBe(true);

    const late = await store.load(id, never);
    ledgers.meddle(name);
    late.mark(0, PROVISIONED);
    await expect(store.save(id, late, never)).rejects.toThrow(/was changed by somebody else/u);

    const orphan = await store.load(id, never);
    await ledgers.client.delete({ name });
    orphan.mark(0, PROVISIONED);
    await expect(store.save(id, orphan, never)).rejects.toThrow(LedgerConflict);
  });

  it("passes on what the API server says, and may be tried again", async () => {
    const { store, ledgers } = setUp();
    const id = identity(3);
    const ledger = await store.load(id, never);
    ledgers.beforeWrite = () => {
      throw new ApiError("no", { status: 503, reason: "ServiceUnavailable" });
    };
    await expect(store.save(id, ledger, never)).rejects.toMatchObject({ status: 503 });
    ledgers.beforeWrite = () => undefined;
    await store.save(id, ledger, never);
    expect(ledgers.list()).toHaveLength(1);
  });

  it("stays within its bytes a second, all ledgers together", async () => {
    const { store, clock, ledgers } = setUp(2_000);
    const id = identity(100);
    const ledger = await store.load(id, never);
    let saved = 0;
    const saving = (async () => {
      for (let i = 0; i < 40; i += 1) {
        ledger.mark(i, PROVISIONED);
        await store.save(id, ledger, never);
        saved += 1;
      }
    })();
    await clock.advance(5_000);
    const bytes = ledgers.writes.reduce((sum, write) => sum + write.bytes, 0);
    expect(saved).toBeLessThan(40);
    expect(bytes).toBeLessThanOrEqual(2_000 + 5 * 2_000 + 1_000);
    await clock.advance(60_000);
    await saving;
    expect(saved).toBe(40);
  });

  it.each([
    ["another manifest", { manifestSha256: "cd".repeat(32) }],
    ["another length", { records: 4 }],
    ["fewer chunks", { records: 2 }],
  ])("refuses a ledger of %s", async (_what, change) => {
    const { store } = setUp();
    const id = identity(3);
    await store.save(id, await store.load(id, never), never);
    await expect(store.load({ ...id, ...change }, never)).rejects.toThrow(LedgerFormatError);
  });
});
