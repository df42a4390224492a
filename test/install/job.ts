import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import { API_VERSION, FINALIZER, KEY_ROTATION_REQUESTED_AT } from "../../crds/index.ts";
import type { ApiProxy } from "../proxy/api-proxy.ts";
import type { TestCloud } from "../clouds/index.ts";
import type { Field } from "../field/field.ts";
import { eventually } from "../harness/index.ts";
import type { RunningPod } from "./container.ts";

const DEVICES = 20;

/** One account, and all that is ever done for one: what an operator under its own rights must be able to do. */
export class WholeJob {
  readonly #field: Field;
  readonly #account: string;
  readonly #aws: TestCloud;
  readonly #other: TestCloud;

  private constructor(field: Field, account: string, aws: TestCloud, other: TestCloud) {
    this.#field = field;
    this.#account = account;
    this.#aws = aws;
    this.#other = other;
  }

  /** Declares a cloud that is called with a token, and one with a password; the account's namespace is there. */
  static async begin(field: Field, account: string): Promise<WholeJob> {
    const basic = { username: "certferry", password: "let me in" };
    const aws = await field.cloud(account, { capabilities: CAPABILITIES });
    const other = await field.cloud(account, { basic, capabilities: CAPABILITIES });
    await field.awsApi(account, "aws", aws);
    await field.otherApi(account, "other", other, basic);
    return new WholeJob(field, account, aws, other);
  }

  /** A batch that is there before its reel, provisioned into both clouds, and once more on request. */
  async provision(): Promise<void> {
    const field = this.#field;
    const [account, name] = [this.#account, "early"];
    const cloudApis = [{ name: "aws" }, { name: "other" }];
    await field.batch(account, name, {
      batchId: this.#id("early"),
      cloudApis,
      deletionPolicy: "Deprovision",
    });
    await field.awaitBatch(account, name, { type: "Bound", status: "False", reason: "ReelNotFound" });
    await field.ship(this.#id("early"), DEVICES);
    await field.awaitReady(account, name);
    this.#holds(DEVICES);
  }

  /** A reel that stays with the account when its batch goes, and is taken up by the next one. */
  async takeUp(): Promise<void> {
    const field = this.#field;
    const [account, batchId] = [this.#account, this.#id("kept")];
    await field.ship(batchId, 3);
    await field.batch(account, "kept", { batchId, cloudApis: [{ name: "aws" }] });
    await field.awaitReady(account, "kept");
    await field.deleteBatch(account, "kept");
    await field.batch(account, "heir", { batchId, cloudApis: [{ name: "aws" }] });
    await field.awaitReady(account, "heir");
  }

  /** A batch that somebody tears out with its finalizer, unseen: the reel must not stay held for it. */
  async tearOut(pod: RunningPod): Promise<void> {
    const field = this.#field;
    const [key, batchId] = [{ namespace: this.#account, name: "torn" }, this.#id("torn")];
    await field.ship(batchId, 1);
    await field.batch(key.namespace, key.name, { batchId, cloudApis: [{ name: "aws" }] });
    await field.awaitReady(key.namespace, key.name);
    pod.process.pause();
    try {
      await field.batches.delete(key);
      await field.batches.patch(key, { metadata: { finalizers: [] } });
    } finally {
      pod.process.resume();
    }
    const binding = { name: batchId.toLowerCase() };
    await eventually(async () => (await field.bindings.get(binding)).spec.batch === undefined, {
      what: `reel ${batchId} is held by no batch`,
    });
  }

  /** A new signing key, which the clouds accept. */
  async rotateKey(): Promise<void> {
    const field = this.#field;
    const account = this.#account;
    const [before] = (await field.keysOf(account)).keys;
    const annotations = { [KEY_ROTATION_REQUESTED_AT]: "1" };
    await field.namespaces.patch({ name: account }, { metadata: { annotations } });
    await eventually(
      async () => {
        const { keys } = await field.keysOf(account);
        return keys.length === 1 && keys[0]?.kid !== before?.kid;
      },
      { what: `the signing key of ${account} is another`, deadline: 60_000 },
    );
  }

  /** What people are told twice: of a cloud that comes back, and of a reel whose manifest is nowhere. */
  async tell(): Promise<void> {
    const [account, name] = [this.#account, "other"];
    for (const [suspend, status] of [
      [true, "False"],
      [false, "True"],
    ] as const) {
      await this.#field.cloudApis.patch({ namespace: account, name }, { spec: { suspend } });
      await this.#field.awaitApi(account, name, status);
    }
    const configMap = { name: "nowhere", key: "manifest.csv" };
    await this.#field.reel(this.#id("lost"), { configMap });
    await this.#field.awaitReel(this.#id("lost"), "False", "SourceUnavailable");
  }

  /** Reads that somebody else was first: the binding is made while the operator does not hear of bindings. */
  async lose(proxy: ApiProxy): Promise<void> {
    const field = this.#field;
    const batchId = this.#id("lost-race");
    const letThrough = proxy.hold("reelbindings");
    try {
      await field.ship(batchId, 1);
      await field.awaitReel(batchId, "True");
      const rival = { account: "rival", batchId, devices: 1, records: 1, manifestSha256: "a".repeat(64) };
      const instants = { boundAt: "2026-01-01T00:00:00Z", evaluatedAt: "2026-01-01T00:00:00Z" };
      await field.bindings.create({
        apiVersion: API_VERSION,
        kind: "ReelBinding",
        metadata: { name: batchId.toLowerCase(), finalizers: [FINALIZER] },
        spec: { ...rival, ...instants },
      });
      await field.batch(this.#account, "late", { batchId, cloudApis: [{ name: "aws" }] });
      await field.awaitBatch(this.#account, "late", {
        type: "Bound",
        status: "False",
        reason: "AlreadyBound",
      });
    } finally {
      letThrough();
    }
  }

  /** Takes everything out again, and releases the reels. */
  async end(): Promise<void> {
    const field = this.#field;
    const { items } = await field.batches.list({ namespace: this.#account });
    await Promise.all(items.map(({ metadata }) => field.deleteBatch(this.#account, metadata.name)));
    // What was to stay has stayed: three devices of the reel that was kept.
    if (this.#other.registry.counts().devices !== 0)
      throw new Error("devices were left that were to be taken out");
    const bindings = (await field.bindings.list()).items.filter(({ metadata }) =>
      metadata.name.startsWith(this.#account),
    );
    for (const { metadata } of bindings) await field.bindings.delete({ name: metadata.name });
    await eventually(
      async () => {
        const left = [...(await field.bindings.list()).items, ...(await field.ledgers.list()).items];
        return left.every(({ metadata }) => !metadata.name.startsWith(this.#account));
      },
      { what: `bindings and ledgers of ${this.#account} are gone` },
    );
  }

  #id(name: string): string {
    return `${this.#account}-${name}`;
  }

  #holds(devices: number): void {
    for (const cloud of [this.#aws, this.#other]) {
      const held = cloud.registry.counts().devices;
      if (held !== devices) throw new Error(`a cloud holds ${held} devices instead of ${devices}`);
    }
  }
}

/** Ends the pod that leads, and waits until the other one does. */
export async function handOver(from: RunningPod, to: RunningPod): Promise<void> {
  if (!from.leading() || to.leading()) throw new Error("the first pod does not lead alone");
  await from.stop();
  await eventually(() => to.leading(), { what: "the second pod leads" });
}
