import type { ManifestRecord, ManifestSummary } from "../../manifests/index.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { ByteBudget } from "../byte-budget.ts";
import { Ferry } from "../ferry.ts";
import { LedgerStore } from "../ledger/store.ts";
import { placementKey, type PlacementProgress, type PlacementSpec } from "../placement-spec.ts";
import type { ContentsQuery } from "../reel-contents.ts";
import { MemoryLedgers } from "./ledgers.ts";
import { QuotaCloud, type QuotaManners } from "./quota-cloud.ts";

/** Numbers that look like chance and come out the same each time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What came of a span of time. */
export interface Yield {
  /** Devices a second that were admitted. */
  readonly goodput: number;
  /** The share of what was sent that was not admitted, and so has to be sent again. */
  readonly again: number;
  readonly timeouts: number;
}

/**
 * For tests: the real ferry, on a clock that is moved, and clouds with quotas. Reels are made up while they are
 * read, so that they can be as long as it takes.
 */
export class Crossing {
  readonly clock = new ManualClock();
  readonly random: () => number;
  readonly ledgers = new MemoryLedgers();
  readonly cloud: QuotaCloud;
  readonly ferry: Ferry;
  /** By address. */
  readonly #clouds = new Map<string, QuotaCloud>();
  readonly #reels = new Map<string, number>();
  readonly #start: number;

  constructor(manners: Partial<QuotaManners>, seed = 1) {
    this.#start = this.clock.now();
    this.random = seeded(seed);
    this.cloud = this.anotherCloud("cloud", manners);
    const budget = new ByteBudget(64 * 1024, 512 * 1024, this.clock);
    this.ferry = new Ferry({
      caller: {
        provision: (target, certs, signal) => this.#cloudAt(target.url).provision(target, certs, signal),
        deprovision: (target, certs, signal) => this.#cloudAt(target.url).deprovision(target, certs, signal),
      },
      contents: {
        inspect: () => Promise.reject<ManifestSummary>(new Error("nobody asks for it here")),
        read: (query) => this.#read(query),
      },
      store: new LedgerStore(this.ledgers.client, budget, () => undefined),
      clock: this.clock,
      random: this.random,
      log: silentLogger,
      changed: () => undefined,
      mayAct: () => true,
    });
  }

  anotherCloud(name: string, manners: Partial<QuotaManners>): QuotaCloud {
    const cloud = new QuotaCloud(this.clock, manners, this.random);
    this.#clouds.set(`https://${name}.test.invalid/interop`, cloud);
    return cloud;
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (this.clock.now() - this.#start) / 1_000;
  }

  /** Declares a reel of so many devices. */
  reel(name: string, devices: number, more: Partial<PlacementSpec> = {}, cloud = "cloud"): PlacementSpec {
    this.#reels.set(name, devices);
    const spec: PlacementSpec = {
      direction: "in",
      ledger: {
        reel: name,
        account: "acme",
        target: { key: `AWS/${cloud}`, type: "AWS", hash: cloud },
        cloudApi: cloud,
        manifestSha256: "0".repeat(64),
        records: devices,
      },
      contents: {
        batchId: name,
        source: { file: { path: name } },
        evaluatedAt: new Date(0),
        sha256: "0".repeat(64),
      },
      interop: {
        url: `https://${cloud}.test.invalid/interop`,
        auth: { kind: "bearer", token: () => Promise.resolve("token") },
      },
      limits: {},
      namesBySerial: false,
      policyExpected: true,
      request: undefined,
      ...more,
    };
    this.ferry.declare(spec);
    return spec;
  }

  progress(spec: PlacementSpec): PlacementProgress | undefined {
    return this.ferry.progress(placementKey(spec.ledger));
  }

  /** Lets so many seconds pass. @returns what came of them at a cloud */
  async pass(seconds: number, cloud = this.cloud): Promise<Yield> {
    const from = this.clock.now();
    await this.clock.advance(seconds * 1_000);
    const to = this.clock.now();
    const sent = cloud.sentIn(from, to);
    const admitted = cloud.admittedIn(from, to);
    return {
      goodput: admitted / seconds,
      again: sent === 0 ? 0 : Math.max(0, sent - admitted) / sent,
      timeouts: cloud.timeouts.filter((at) => at >= from && at < to).length,
    };
  }

  /** Lets time pass until a placement has ended. @returns after how many seconds */
  async ended(spec: PlacementSpec, withinSeconds: number): Promise<number> {
    const from = this.seconds;
    while (this.progress(spec)?.running === true) {
      if (this.seconds - from > withinSeconds) throw new Error(`not done within ${withinSeconds} s`);
      await this.clock.advance(100);
    }
    return this.seconds - from;
  }

  #cloudAt(url: string): QuotaCloud {
    const cloud = this.#clouds.get(url);
    if (cloud === undefined) throw new Error(`there is no cloud at ${url}`);
    return cloud;
  }

  async *#read({ batchId }: ContentsQuery): AsyncGenerator<ManifestRecord> {
    const devices = this.#reels.get(batchId) ?? 0;
    const der = new Uint8Array(600);
    for (let ordinal = 0; ordinal < devices; ordinal += 1) {
      const deviceId = `${batchId}-${ordinal}`;
      yield {
        kind: "device",
        ordinal,
        row: ordinal + 2,
        deviceId,
        der,
        fingerprint: "",
        serial: "",
        issuer: "",
        notAfter: new Date(0),
        keyType: "P-256",
      };
    }
  }
}
