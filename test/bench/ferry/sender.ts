import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { InteropCaller, type InteropTarget } from "../../../interop/caller/caller.ts";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { generateSigningKey } from "../../../interop/trust/signing-key.ts";
import { TokenSource } from "../../../interop/trust/token-source.ts";
import { ManifestStore } from "../../../operator/manifests/index.ts";
import { Ferry } from "../../../operator/provisioning/ferry.ts";
import type { LedgerStore } from "../../../operator/provisioning/ledger/store.ts";
import type { PaceLimits } from "../../../operator/provisioning/pace.ts";
import { placementKey } from "../../../operator/provisioning/placement-spec.ts";
import { ReelContents } from "../../../operator/provisioning/reel-contents.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { silentLogger } from "../../../operator/runtime/logger.ts";
import type { StubManners } from "../callee/manners.ts";
import { AUDIENCE, startStub, type Stub } from "../callee/stub.ts";
import { type MintedReel, writeManifest } from "../reels/manifest-file.ts";
import { placementSpec } from "./placement.ts";

const CACHE_BYTES = 4 * 1024 ** 3;
const CALL_MS = 32_000;

/**
 * The operator's ferry, manifest reader and interop caller in this process, towards a callee in another; no
 * controllers, and ledgers as they are given.
 */
export class Sender implements AsyncDisposable {
  readonly stub: Stub;
  readonly #folder: string;
  readonly #contents: ReelContents;
  readonly #caller: InteropCaller;
  readonly #target: InteropTarget;
  #reels = 0;

  private constructor(folder: string, stub: Stub, target: InteropTarget) {
    this.#folder = folder;
    this.stub = stub;
    this.#target = target;
    const egress = new EgressPolicy({ allowCidrs: ["127.0.0.1/32"], env: {} });
    const absent = (): Promise<never> => Promise.reject(new Error("manifests are files here"));
    this.#caller = new InteropCaller({ egress, deadlineMs: CALL_MS });
    this.#contents = new ReelContents(
      new ManifestStore({
        dir: join(folder, "cache"),
        maxBytes: CACHE_BYTES,
        maxManifestBytes: CACHE_BYTES,
        fileRoot: folder,
        readConfigMap: absent,
        readSecret: absent,
        egress,
      }),
    );
  }

  static async open(manners: StubManners = {}): Promise<Sender> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-bench-"));
    const key = await generateSigningKey();
    const jwksFile = join(folder, "jwks.json");
    await writeFile(jwksFile, JSON.stringify({ keys: [key.publicJwk] }));
    const stub = await startStub(jwksFile, manners);
    const tokens = new TokenSource({ key, issuer: "bench", audience: AUDIENCE });
    return new Sender(folder, stub, {
      url: stub.url,
      auth: { kind: "bearer", token: () => tokens.token() },
    });
  }

  async manifest(batchId: string, devices: number): Promise<MintedReel> {
    const reel = { batchId, devices, path: join(this.#folder, `${batchId.toLowerCase()}.csv`) };
    await writeManifest(reel);
    return reel;
  }

  /**
   * Takes a reel in, which is inspected before, as it is before it is bound.
   * @returns seconds from the declaration to the last write
   * @throws Error when not every device is let in
   */
  async send(reel: MintedReel, store: LedgerStore, limits: PaceLimits = {}): Promise<number> {
    const { batchId, devices, path } = reel;
    this.#reels += 1;
    const query = { batchId, source: { file: { path: basename(path) } }, evaluatedAt: new Date() };
    const { sha256 } = await this.#contents.inspect(query, AbortSignal.timeout(600_000));
    const spec = placementSpec({
      batchId,
      devices,
      // A ledger of its own each time, also for a reel that was sent before.
      reel: `${batchId.toLowerCase()}-${this.#reels}`,
      target: "0123456789",
      sha256,
      file: basename(path),
      interop: this.#target,
      limits,
    });
    const key = placementKey(spec.ledger);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const ferry = new Ferry({
      caller: this.#caller,
      contents: this.#contents,
      store,
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      changed: () => {
        if (ferry.progress(key)?.running !== true) resolve();
      },
      mayAct: () => true,
    });
    await this.stub.reset();
    const started = performance.now();
    ferry.declare({ ...spec, contents: { ...spec.contents, evaluatedAt: query.evaluatedAt } });
    await ended;
    const seconds = (performance.now() - started) / 1_000;
    await ferry.close(0);
    const { distinct } = await this.stub.tally();
    if (distinct !== devices) throw new Error(`the cloud was sent ${distinct} of ${devices}`);
    return seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#caller.close();
    await this.stub.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
