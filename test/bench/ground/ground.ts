import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudApiSpec } from "../../../crds/index.ts";
import type { OperatorOptions, OperatorProcess } from "../../../tools/cluster/operator-process.ts";
import { findControlPlane } from "../../../tools/control-plane/launcher.ts";
import { generateSigningKey, type SigningKey } from "../../../interop/trust/signing-key.ts";
import { TokenSource } from "../../../interop/trust/token-source.ts";
import { eventually } from "../../harness/index.ts";
import { Field } from "../../field/field.ts";
import type { StubManners } from "../callee/manners.ts";
import { AUDIENCE, startStub, type Stub } from "../callee/stub.ts";
import { type MintedReel, writeManifest } from "../reels/manifest-file.ts";
import type { BenchContext } from "../scenario.ts";
import { shippedOperator } from "./shipped.ts";

export const ACCOUNT = "bench";
const POLL_MS = 20;

/** An API server with etcd, an account, clouds of the benchmark's own make, and operators as they are wanted. */
export class Ground implements AsyncDisposable {
  readonly field: Field;
  /** Where operators read manifests. */
  readonly manifests: string;
  readonly jwksFile: string;
  readonly #folder: string;
  readonly #key: SigningKey;
  readonly #context: BenchContext;
  readonly #stubs: Stub[] = [];

  private constructor(field: Field, folder: string, key: SigningKey, context: BenchContext) {
    this.field = field;
    this.#folder = folder;
    this.manifests = join(folder, "manifests");
    this.jwksFile = join(folder, "jwks.json");
    this.#key = key;
    this.#context = context;
  }

  static async open(context: BenchContext, extraArgs: readonly string[] = []): Promise<Ground> {
    // It may have to be built, which takes minutes and should be seen.
    await findControlPlane({ log: context.log });
    const field = await Field.open({ extraArgs });
    const folder = await mkdtemp(join(tmpdir(), "certferry-bench-"));
    const key = await generateSigningKey();
    await field.account(ACCOUNT);
    return new Ground(field, folder, key, context);
  }

  /** A file of the benchmark's own, which goes with the ground. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Starts an operator; its clouds trust it when this resolves. */
  async operator(options: Partial<OperatorOptions> = {}): Promise<OperatorProcess> {
    const { profileDir } = this.#context;
    const profiling =
      profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` };
    const operator = await this.field.operator({
      manifestRoot: this.manifests,
      program: await shippedOperator(),
      ...options,
      env: { ...profiling, ...options.env },
    });
    await this.#publishKeys();
    return operator;
  }

  /** A token that the stubs take, for the tight loop. */
  async token(): Promise<string> {
    return new TokenSource({ key: this.#key, issuer: "bench", audience: AUDIENCE }).token();
  }

  /** Starts a callee and declares the CloudApi of this name for it; waits until it is ready. */
  async cloud(
    name: string,
    manners: StubManners = {},
    limits: NonNullable<CloudApiSpec["limits"]> = {},
  ): Promise<Stub> {
    const stub = await startStub(this.jwksFile, manners);
    this.#stubs.push(stub);
    await this.#declare(name, stub, limits);
    await this.field.awaitApi(ACCOUNT, name, "True");
    return stub;
  }

  /** Declares so many CloudApis more for a callee, some at a time; waits until all are ready. */
  async sameCloud(stub: Stub, count: number, together: number, deadline: number): Promise<void> {
    for (let first = 0; first < count; first += together) {
      const some = Array.from({ length: Math.min(together, count - first) }, (_, at) => `same-${first + at}`);
      await Promise.all(some.map((name) => this.#declare(name, stub, {})));
    }
    await eventually(
      async (signal) => {
        const { items } = await this.field.cloudApis.list({ namespace: ACCOUNT }, signal);
        const ready = items.filter(({ status }) =>
          status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True"),
        );
        return ready.length > count ? true : undefined;
      },
      { deadline, interval: 10 * POLL_MS, what: `${count} CloudApis are ready` },
    );
  }

  async #declare(name: string, stub: Stub, limits: NonNullable<CloudApiSpec["limits"]>): Promise<void> {
    await this.field.api(ACCOUNT, name, {
      type: "AWS",
      aws: {
        accountId: AUDIENCE,
        apiGatewayId: "a1b2c3d4e5",
        region: `eu-bench-${this.#stubs.length}`,
        stage: "Prod",
        endpoint: stub.origin,
      },
      limits,
    });
  }

  /** Writes the manifest of a new reel; nothing is declared yet. */
  async manifest(batchId: string, devices: number): Promise<MintedReel> {
    const reel = { batchId, devices, path: join(this.manifests, `${batchId.toLowerCase()}.csv`) };
    await writeManifest(reel);
    return reel;
  }

  /** Declares a reel and its batch, at once. */
  async bind({ batchId }: MintedReel, clouds: readonly string[]): Promise<void> {
    const name = batchId.toLowerCase();
    await this.field.reel(batchId, { file: { path: `${name}.csv` } });
    await this.field.batch(ACCOUNT, name, { batchId, cloudApis: clouds.map((cloud) => ({ name: cloud })) });
  }

  /** Waits until a batch is ready: every device of it is in. */
  async ready({ batchId }: MintedReel, deadline: number): Promise<void> {
    const key = { namespace: ACCOUNT, name: batchId.toLowerCase() };
    await eventually(
      async (signal) => {
        const batch = await this.field.batches.get(key, signal);
        return batch.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
      },
      { deadline, interval: POLL_MS, what: `${batchId} is ready` },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stubs.map((stub) => stub.stop()));
    await this.field.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #publishKeys(): Promise<void> {
    const { keys } = await this.field.keysOf(ACCOUNT);
    await writeFile(this.jwksFile, JSON.stringify({ keys: [...keys, this.#key.publicJwk] }));
  }
}
