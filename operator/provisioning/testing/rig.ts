import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import {
  inspectManifest,
  ManifestStore,
  type ManifestSummary,
  type PackedRecord,
} from "../../manifests/index.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { type Logger, silentLogger } from "../../runtime/logger.ts";
import { ByteBudget } from "../byte-budget.ts";
import { Ferry } from "../ferry.ts";
import { decodeStates } from "../ledger/format.ts";
import { LEAVING, PENDING, REMOVED } from "../ledger/states.ts";
import { LedgerStore } from "../ledger/store.ts";
import type { FerryObserver } from "../observer.ts";
import { placementKey, type PlacementSpec } from "../placement-spec.ts";
import { type ContentsQuery, ReelContents } from "../reel-contents.ts";
import { type QuestionReport, Surveys } from "../survey/surveys.ts";
import { MemoryLedgers } from "./ledgers.ts";
import { type SimulatedManners, SimulatedCloud } from "./cloud.ts";

export interface RigOptions {
  manners?: SimulatedManners;
  bytesPerSecond?: number;
  /** In [0, 1); half unless given, so that jitter is the same each time. */
  random?: () => number;
  log?: Logger;
  observer?: FerryObserver;
}

/** For tests: a ferry with its ledgers and a cloud, on a clock that is moved. Manifests are read from real files. */
export class Rig implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly ledgers = new MemoryLedgers();
  readonly cloud: SimulatedCloud;
  readonly changes: string[] = [];
  /** What surveys told, by placement, and which requests they made. */
  readonly checked: string[] = [];
  readonly questions: QuestionReport[] = [];
  readonly store: LedgerStore;
  readonly contents: WatchedContents;
  /** Whether this process may take devices out, as far as its lease goes. */
  mayAct = true;
  ferry: Ferry;
  /** Of the cloud at large: they ask nothing before somebody declares it. */
  readonly surveys: Surveys;
  readonly #folder: string;
  readonly #random: () => number;
  readonly log: Logger;
  readonly #observer: FerryObserver | undefined;

  private constructor(folder: string, options: RigOptions) {
    this.#folder = folder;
    this.#random = options.random ?? (() => 0.5);
    this.log = options.log ?? silentLogger;
    this.#observer = options.observer;
    this.cloud = new SimulatedCloud(this.clock, options.manners);
    const budget = new ByteBudget(options.bytesPerSecond ?? 64 * 1024, 512 * 1024, this.clock);
    this.store = new LedgerStore(this.ledgers.client, budget, () => undefined, this.#observer);
    this.contents = new WatchedContents(
      new ManifestStore({
        dir: join(folder, "cache"),
        maxBytes: 1024 ** 3,
        maxManifestBytes: 1024 ** 3,
        fileRoot: folder,
        readConfigMap: () => Promise.reject(new Error("there are no ConfigMaps here")),
        readSecret: () => Promise.reject(new Error("there are no Secrets here")),
        egress: new EgressPolicy({ env: {} }),
      }),
    );
    this.ferry = this.newFerry();
    this.surveys = new Surveys({
      caller: this.cloud,
      contents: this.contents,
      clock: this.clock,
      random: this.#random,
      log: this.log,
      mayAct: () => this.mayAct,
      observer: { questioned: (report) => this.questions.push(report) },
      lane: (round) => this.ferry.lane(round),
      changed: (key) => this.checked.push(key),
    });
  }

  static async open(options: RigOptions = {}): Promise<Rig> {
    return new Rig(await mkdtemp(join(tmpdir(), "certferry-rig-")), options);
  }

  /** Another ferry over the same ledgers, as after a restart. */
  newFerry(): Ferry {
    return new Ferry({
      caller: this.cloud,
      contents: this.contents,
      store: this.store,
      clock: this.clock,
      random: this.#random,
      log: this.log,
      ...(this.#observer === undefined ? {} : { observer: this.#observer }),
      changed: (key) => this.changes.push(key),
      mayAct: () => this.mayAct,
    });
  }

  /** Writes a reel's manifest and tells how it would be declared. */
  async reel(batchId: string, csv: string, more: Partial<PlacementSpec> = {}): Promise<PlacementSpec> {
    const path = join(this.#folder, `${batchId}.csv`);
    await writeFile(path, csv);
    const sha256 = createHash("sha256").update(csv).digest("hex");
    const evaluatedAt = new Date();
    const { records } = await inspectManifest(
      { sha256, path, bytes: csv.length, release: () => Promise.resolve() },
      { batchId, now: evaluatedAt },
      AbortSignal.timeout(30_000),
    );
    const target = { key: "AWS/123456789012/eu-west-1", type: "AWS" as const, hash: "0123456789" };
    return {
      direction: "in",
      ledger: {
        reel: batchId.toLowerCase(),
        account: "acme",
        target,
        cloudApi: "aws",
        manifestSha256: sha256,
        records,
      },
      contents: { batchId, source: { file: { path: `${batchId}.csv` } }, evaluatedAt, sha256 },
      interop: {
        url: "https://cloud.test.invalid/Prod/interop",
        auth: { kind: "bearer", token: () => Promise.resolve("token") },
      },
      limits: {},
      namesBySerial: true,
      policyExpected: true,
      request: undefined,
      ...more,
    };
  }

  /**
   * Moves the clock from timer to timer until `done` says so.
   * @param ms how far it may be moved for that.
   * @returns how far it was moved.
   */
  async until(done: () => boolean, ms: number): Promise<number> {
    const start = this.clock.now();
    while (!done()) {
      await this.#settle();
      if (done()) break;
      const next = this.clock.nextIn;
      if (next === undefined) throw new Error("nothing is planned, and it is not so");
      if (this.clock.now() - start + next > ms) throw new Error(`it is not so within ${ms / 1_000} s`);
      await this.clock.advance(next);
    }
    return this.clock.now() - start;
  }

  /** Moves the clock by so much. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.#settle();
    for (
      let next = this.clock.nextIn;
      next !== undefined && this.clock.now() + next <= end;
      next = this.clock.nextIn
    ) {
      await this.clock.advance(next);
      await this.#settle();
    }
    await this.clock.advance(end - this.clock.now());
    await this.#settle();
  }

  /** Declares a placement again and again until its ledger says that nothing is left to do. */
  async settleDown(declare: () => void, spec: PlacementSpec, ms: number): Promise<void> {
    const key = placementKey(spec.ledger);
    const start = this.clock.now();
    while (this.clock.now() - start < ms) {
      const states = this.states(spec);
      const ledgers = this.ledgers.list().filter((ledger) => ledger.spec.reel === spec.ledger.reel);
      const handled = ledgers.every((ledger) => ledger.spec.request === spec.request);
      const running = this.ferry.progress(key)?.running === true;
      const open = [PENDING, LEAVING, REMOVED].some((state) => states.includes(state));
      if (!running && handled && states.length > 0 && !open) return;
      declare();
      await this.pass(1_000);
    }
    throw new Error(`${key} is not done: ${this.states(spec).join(" ")}`);
  }

  /** Moves the clock until a placement has ended. */
  async ended(spec: PlacementSpec, ms: number): Promise<number> {
    const key = placementKey(spec.ledger);
    return this.until(() => this.ferry.progress(key)?.running !== true, ms);
  }

  /** Files are read in real time; everything else goes on without waiting. */
  async #settle(): Promise<void> {
    for (let still = 0; still < 3;) {
      await new Promise((resolve) => setImmediate(resolve));
      still = this.contents.reading === 0 ? still + 1 : 0;
    }
  }

  /** What stands in the ledger, record by record. */
  states(spec: PlacementSpec): number[] {
    return this.ledgers
      .list()
      .filter((ledger) => ledger.spec.reel === spec.ledger.reel)
      .sort((a, b) => a.spec.chunk.index - b.spec.chunk.index)
      .flatMap((ledger) =>
        Array.from(decodeStates(ledger.spec.format, ledger.spec.data, ledger.spec.chunk.devices)),
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.surveys.close();
    const closed = this.ferry.close(0);
    await this.clock.advance(1);
    await closed;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Contents that tell whether a file is being read: then the clock must stand still. */
class WatchedContents extends ReelContents {
  reading = 0;

  override async inspect(query: ContentsQuery, signal: AbortSignal): Promise<ManifestSummary> {
    return this.#whileReading(() => super.inspect(query, signal));
  }

  override async *read(
    query: ContentsQuery,
    signal: AbortSignal,
    skip?: (ordinal: number) => boolean,
  ): AsyncGenerator<PackedRecord> {
    const records = super.read(query, signal, skip);
    try {
      for (;;) {
        const next = await this.#whileReading(() => records.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await this.#whileReading(() => records.return(undefined));
    }
  }

  async #whileReading<T>(work: () => Promise<T>): Promise<T> {
    this.reading += 1;
    try {
      return await work();
    } finally {
      this.reading -= 1;
    }
  }
}
