import type { JSONWebKeySet } from "jose";
import {
  type CloudApiSpec,
  type CloudProgress,
  type DeviceBatch,
  type DeviceBatchSpecInput,
  PROVISION_REQUESTED_AT,
  type ProvisioningLedger,
} from "../../crds/index.ts";
import { decodeStates } from "../../operator/provisioning/ledger/format.ts";
import { failureReason, isFailed, PENDING, PROVISIONED } from "../../operator/provisioning/ledger/states.ts";
import { targetOf } from "../../operator/provisioning/target.ts";
import type { CloudOptions, TestCloud } from "../clouds/index.ts";
import { eventually } from "../harness/index.ts";
import { AWS_ACCOUNT, AZURE_SUBSCRIPTION, type Field } from "./field.ts";

type Limits = Pick<CloudApiSpec, "limits" | "default" | "suspend">;

let clouds = 0;

/** One account of a field, for one test: its clouds are targets of their own, so that no other test's pace is felt. */
export class Site {
  readonly field: Field;
  readonly account: string;
  #keys: Promise<JSONWebKeySet> | undefined;

  private constructor(field: Field, account: string) {
    this.field = field;
    this.account = account;
  }

  static async open(field: Field, account: string): Promise<Site> {
    await field.account(account);
    return new Site(field, account);
  }

  /** An account that is there already. */
  static at(field: Field, account: string): Site {
    return new Site(field, account);
  }

  /** Starts a cloud that trusts this account; its keys are asked for once, so that it outlives the API server. */
  async cloud(options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    return this.field.cloud(this.account, {
      jwks: () => (this.#keys ??= this.field.keysOf(this.account)),
      ...options,
    });
  }

  /** A cloud in AWS's manner and its CloudApi, in a region of its own. */
  async aws(name: string, spec: Limits = {}, options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    const cloud = await this.cloud(options);
    clouds += 1;
    const region = `eu-test-${clouds}`;
    const aws = {
      accountId: AWS_ACCOUNT,
      apiGatewayId: "a1b2c3d4e5",
      region,
      stage: "Prod",
      endpoint: cloud.origin,
    };
    await this.field.api(this.account, name, { type: "AWS", aws, caBundle: cloud.caPem, ...spec });
    return cloud;
  }

  async azure(name: string, spec: Limits = {}, options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    const cloud = await this.cloud({ flavor: "azure", ...options });
    const azure = { interopUrl: cloud.url, subscriptionId: AZURE_SUBSCRIPTION };
    await this.field.api(this.account, name, { type: "Azure", azure, caBundle: cloud.caPem, ...spec });
    return cloud;
  }

  /** Binds a reel into the clouds that are named (`undefined`: none are). */
  async bind(
    batchId: string,
    names: readonly string[] | undefined,
    more: Partial<DeviceBatchSpecInput> & { annotations?: Record<string, string> } = {},
  ): Promise<void> {
    const { annotations, ...spec } = more;
    const cloudApis = names === undefined ? {} : { cloudApis: names.map((name) => ({ name })) };
    await this.field.batch(
      this.account,
      batchId.toLowerCase(),
      { batchId, ...cloudApis, ...spec },
      annotations,
    );
  }

  ready(batchId: string, deadline?: number): Promise<DeviceBatch> {
    return this.field.awaitReady(this.account, batchId.toLowerCase(), deadline);
  }

  notReady(
    batchId: string,
    status: "False" | "Unknown",
    reason: string,
    deadline?: number,
  ): Promise<DeviceBatch> {
    return this.field.awaitBatch(
      this.account,
      batchId.toLowerCase(),
      { type: "Ready", status, reason },
      deadline,
    );
  }

  /** Waits until one cloud's line of a batch is as wanted. */
  async line(
    batchId: string,
    cloud: string,
    wanted: (line: CloudProgress) => boolean,
    what = `${cloud} of ${batchId}`,
  ): Promise<CloudProgress> {
    let seen: CloudProgress | undefined;
    try {
      return await eventually(async (signal) => {
        const batch = await this.field.batches.get(this.#key(batchId), signal);
        seen = batch.status?.clouds?.find(({ name }) => name === cloud);
        return seen !== undefined && wanted(seen) ? seen : undefined;
      });
    } catch (error) {
      throw new Error(`${what}: not so. It is ${JSON.stringify(seen)}`, { cause: error });
    }
  }

  async edit(batchId: string, spec: Partial<DeviceBatchSpecInput>): Promise<void> {
    await this.field.batches.patch(this.#key(batchId), { spec });
  }

  async editApi(name: string, spec: object): Promise<void> {
    await this.field.cloudApis.patch({ namespace: this.account, name }, { spec });
  }

  /** "Provision now". */
  async provisionNow(batchId: string, value: string): Promise<void> {
    const annotations = { [PROVISION_REQUESTED_AT]: value };
    await this.field.batches.patch(this.#key(batchId), { metadata: { annotations } });
  }

  /** Waits until a request to provision again is handled and everything is in. */
  async reprovisioned(batchId: string, value: string): Promise<DeviceBatch> {
    await eventually(
      async () => {
        const ledgers = await this.#ledgers(batchId);
        return (
          ledgers.length > 0 &&
          ledgers.every(({ spec }) => spec.request === value && spec.counts.pending === 0)
        );
      },
      { what: `${batchId} is provisioned for the request ${value}` },
    );
    return this.ready(batchId);
  }

  /** What the ledger says of a reel in one cloud, record by record. */
  async states(batchId: string, cloudApi: string): Promise<string[]> {
    const chunks = await this.chunks(batchId, cloudApi);
    return chunks.flatMap(({ spec }) =>
      Array.from(decodeStates(spec.format, spec.data, spec.chunk.devices), nameOf),
    );
  }

  /** The ledger's objects of a reel in one cloud, in order. */
  async chunks(batchId: string, cloudApi: string): Promise<ProvisioningLedger[]> {
    const api = await this.field.cloudApis.get({ namespace: this.account, name: cloudApi });
    const key = targetOf(api.spec)?.key;
    const ledgers = await this.#ledgers(batchId);
    return ledgers
      .filter(({ spec }) => spec.target.key === key)
      .sort((a, b) => a.spec.chunk.index - b.spec.chunk.index);
  }

  async #ledgers(batchId: string): Promise<ProvisioningLedger[]> {
    const { items } = await this.field.ledgers.list({
      labelSelector: `certferry.dev/reel=${batchId.toLowerCase()}`,
    });
    return items;
  }

  #key(batchId: string): { namespace: string; name: string } {
    return { namespace: this.account, name: batchId.toLowerCase() };
  }
}

function nameOf(state: number): string {
  if (state === PENDING) return "pending";
  if (state === PROVISIONED) return "provisioned";
  return isFailed(state) ? failureReason(state) : "quarantined";
}
