import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JSONWebKeySet } from "jose";
import {
  ACCOUNT_LABEL,
  API_VERSION,
  type CloudApi,
  type CloudApiSpec,
  type DeviceBatch,
  type DeviceBatchSpecInput,
  type ManifestSource,
  type Reel,
} from "../../crds/index.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { Resources } from "../../desk/resources.ts";
import { createIssuer, type FactoryDevice, type Issuer, manifestCsv } from "../../tools/factory/index.ts";
import { type CloudOptions, startCloud, type TestCloud } from "../clouds/index.ts";
import { keepWhatIsThere } from "./kept.ts";
import {
  connect,
  type ControlPlane,
  eventually,
  installCrds,
  type OperatorOptions,
  type OperatorProcess,
  startControlPlane,
  startOperator,
} from "../harness/index.ts";

export const OPERATOR_NAMESPACE = "certferry-system";
/** The AWS account, or Azure subscription, of every cloud here unless a test says otherwise. */
export const AWS_ACCOUNT = "123456789012";
export const AZURE_SUBSCRIPTION = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90";

/** A cluster with Certferry's kinds, in which tests bind reels into clouds of their own. */
export class Field extends Resources {
  readonly plane: ControlPlane;
  readonly issuer: Issuer;
  /** The folder that operators read `spec.manifest.file` under. */
  readonly manifests: string;
  readonly #operators: OperatorProcess[] = [];
  readonly #clouds: TestCloud[] = [];

  private constructor(plane: ControlPlane, client: KubeClient, issuer: Issuer, manifests: string) {
    super(client);
    this.plane = plane;
    this.issuer = issuer;
    this.manifests = manifests;
  }

  /**
   * Starts an API server with Certferry's kinds and the operator's namespace; no operator yet.
   * @param options.bare without those: to be installed
   */
  static async open(options: { extraArgs?: readonly string[]; bare?: boolean } = {}): Promise<Field> {
    const plane = await startControlPlane(options);
    const client = connect(plane.kubeconfig);
    if (options.bare !== true) await installCrds(client);
    const field = new Field(
      plane,
      client,
      await createIssuer(),
      await mkdtemp(join(tmpdir(), "certferry-reels-")),
    );
    if (options.bare === true) return field;
    await field.namespaces.create({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: OPERATOR_NAMESPACE },
    });
    return field;
  }

  /** Stops everything that was started here. */
  async close(): Promise<void> {
    await keepWhatIsThere(this);
    await Promise.all(this.#operators.map((operator) => operator.kill()));
    await Promise.all(this.#clouds.map((cloud) => cloud.stop()));
    await this.client.close();
    await this.plane.stop();
    await rm(this.manifests, { recursive: true, force: true });
  }

  async operator(options: Partial<OperatorOptions> = {}): Promise<OperatorProcess> {
    const operator = await startOperator({
      kubeconfig: this.plane.kubeconfig,
      operatorNamespace: OPERATOR_NAMESPACE,
      egressAllowCidrs: ["127.0.0.1/32"],
      manifestRoot: this.manifests,
      ...options,
    });
    this.#operators.push(operator);
    return operator;
  }

  /** Makes an account: a namespace with the account's label. */
  async account(name: string): Promise<void> {
    await this.namespaces.create({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { [ACCOUNT_LABEL]: "true" } },
    });
  }

  /** The account's public keys, when the operator has published them. */
  async keysOf(account: string): Promise<JSONWebKeySet> {
    const configMap = await eventually(
      (signal) => this.configMaps.find({ namespace: account, name: "certferry-jwks" }, signal),
      { what: `the public keys of ${account}` },
    );
    return JSON.parse(configMap.data?.["jwks.json"] ?? "") as JSONWebKeySet;
  }

  /** What a cloud trusts that is given each key that an account publishes, and keeps it when the account goes. */
  #publishedBy(account: string): () => Promise<JSONWebKeySet> {
    let last: JSONWebKeySet | undefined;
    return async () => {
      const key = { namespace: account, name: "certferry-jwks" };
      const there = last === undefined || (await this.configMaps.find(key)) !== undefined;
      if (there) last = await this.keysOf(account);
      return last ?? { keys: [] };
    };
  }

  /** Starts a product cloud that trusts an account, and is stopped with the field. */
  async cloud(account: string, options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    const flavor = options.flavor ?? "aws";
    const cloud = await startCloud({
      flavor,
      audience: flavor === "aws" ? AWS_ACCOUNT : AZURE_SUBSCRIPTION,
      ...(options.basic === undefined ? { jwks: this.#publishedBy(account) } : {}),
      ...options,
    });
    this.#clouds.push(cloud);
    return cloud;
  }

  /** Declares the link to a cloud that speaks AWS's way. Region and account tell targets apart. */
  async awsApi(
    account: string,
    name: string,
    cloud: TestCloud,
    more: Partial<CloudApiSpec> & { region?: string } = {},
  ): Promise<CloudApi> {
    const { region = "eu-west-1", ...spec } = more;
    return this.api(account, name, {
      type: "AWS",
      aws: {
        accountId: AWS_ACCOUNT,
        apiGatewayId: "a1b2c3d4e5",
        region,
        stage: "Prod",
        endpoint: cloud.origin,
      },
      caBundle: cloud.caPem,
      ...spec,
    });
  }

  async azureApi(
    account: string,
    name: string,
    cloud: TestCloud,
    more: Partial<CloudApiSpec> = {},
  ): Promise<CloudApi> {
    return this.api(account, name, {
      type: "Azure",
      azure: { interopUrl: cloud.url, subscriptionId: AZURE_SUBSCRIPTION },
      caBundle: cloud.caPem,
      ...more,
    });
  }

  /** Declares a link with user and password, whose Secret it makes too. */
  async otherApi(
    account: string,
    name: string,
    cloud: TestCloud,
    basic: { username: string; password: string },
  ): Promise<CloudApi> {
    await this.secrets.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: account, name: `${name}-credentials` },
      type: "kubernetes.io/basic-auth",
      data: { username: encode(basic.username), password: encode(basic.password) },
    });
    return this.api(account, name, {
      type: "Other",
      other: { url: cloud.url, cloud: "Private", credentialsSecretRef: { name: `${name}-credentials` } },
      caBundle: cloud.caPem,
    });
  }

  async api(account: string, name: string, spec: CloudApiSpec): Promise<CloudApi> {
    return this.cloudApis.create({
      apiVersion: API_VERSION,
      kind: "CloudApi",
      metadata: { namespace: account, name },
      spec,
    });
  }

  /** Ships a reel: makes its devices and their manifest (a ConfigMap), and declares it. */
  async ship(
    batchId: string,
    count: number,
    more: Partial<Reel["spec"]> = {},
  ): Promise<readonly FactoryDevice[]> {
    const devices = await this.issuer.issueMany(count, { batchId });
    await this.shipCsv(batchId, manifestCsv(devices, { batchId }), more);
    return devices;
  }

  /** Ships a reel with devices that were made elsewhere. */
  async shipDevices(batchId: string, devices: readonly FactoryDevice[]): Promise<Reel> {
    return this.shipCsv(batchId, manifestCsv(devices, { batchId }));
  }

  async shipCsv(batchId: string, csv: string, more: Partial<Reel["spec"]> = {}): Promise<Reel> {
    const name = `manifest-${batchId.toLowerCase()}`;
    await this.configMaps.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: OPERATOR_NAMESPACE, name },
      data: { "manifest.csv": csv },
    });
    return this.reel(batchId, { configMap: { name, key: "manifest.csv" } }, more);
  }

  /** Ships a reel whose manifest is a file: for those too large for a ConfigMap. */
  async shipFile(batchId: string, csv: string | Uint8Array): Promise<Reel> {
    const path = `${batchId.toLowerCase()}.manifest`;
    await writeFile(join(this.manifests, path), csv);
    return this.reel(batchId, { file: { path } });
  }

  async reel(batchId: string, manifest: ManifestSource, more: Partial<Reel["spec"]> = {}): Promise<Reel> {
    return this.reels.create({
      apiVersion: API_VERSION,
      kind: "Reel",
      metadata: { name: batchId.toLowerCase() },
      spec: { batchId, manifest, ...more },
    });
  }

  async batch(
    account: string,
    name: string,
    spec: DeviceBatchSpecInput,
    annotations: Record<string, string> = {},
  ): Promise<DeviceBatch> {
    return this.batches.create({
      apiVersion: API_VERSION,
      kind: "DeviceBatch",
      metadata: { namespace: account, name, annotations },
      // What is left out here is filled in by the API server.
      spec: spec as DeviceBatch["spec"],
    });
  }

  /** Waits until a condition of a batch has this status (and reason). */
  async awaitBatch(
    account: string,
    name: string,
    wanted: { type: string; status: string; reason?: string },
    deadline = 30_000,
  ): Promise<DeviceBatch> {
    const { type, status, reason } = wanted;
    let seen: DeviceBatch | undefined;
    const what = `${account}/${name} has ${type}=${status} ${reason ?? ""}`;
    try {
      return await eventually(
        async (signal) => {
          seen = await this.batches.get({ namespace: account, name }, signal);
          const condition = seen.status?.conditions?.find((each) => each.type === type);
          const fits = condition?.status === status && (reason === undefined || condition.reason === reason);
          return fits && seen.status?.observedGeneration === seen.metadata.generation ? seen : undefined;
        },
        { deadline, what },
      );
    } catch (error) {
      throw new Error(`${what}: not so. It has ${JSON.stringify(seen?.status, null, 1)}`, { cause: error });
    }
  }

  async awaitReady(account: string, name: string, deadline?: number): Promise<DeviceBatch> {
    return this.awaitBatch(account, name, { type: "Ready", status: "True" }, deadline);
  }

  /** Waits until a CloudApi's Ready condition has this status and reason. */
  async awaitApi(
    account: string,
    name: string,
    status: string,
    reason?: string,
    deadline = 30_000,
  ): Promise<CloudApi> {
    let seen: CloudApi | undefined;
    try {
      return await eventually(
        async (signal) => {
          seen = await this.cloudApis.get({ namespace: account, name }, signal);
          const ready = seen.status?.conditions?.find(({ type }) => type === "Ready");
          return ready?.status === status && (reason === undefined || ready.reason === reason)
            ? seen
            : undefined;
        },
        { deadline },
      );
    } catch (error) {
      throw new Error(
        `CloudApi ${account}/${name} is not ${status} ${reason ?? ""}: ${JSON.stringify(seen?.status)}`,
        { cause: error },
      );
    }
  }

  async awaitReel(batchId: string, status: string, reason?: string): Promise<Reel> {
    return eventually(
      async (signal) => {
        const reel = await this.reels.get({ name: batchId.toLowerCase() }, signal);
        const ready = reel.status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === status && (reason === undefined || ready.reason === reason)
          ? reel
          : undefined;
      },
      { what: `reel ${batchId} is ${status} ${reason ?? ""}` },
    );
  }

  /** Deletes a batch and waits until it is gone. */
  async deleteBatch(account: string, name: string): Promise<void> {
    await this.batches.delete({ namespace: account, name });
    await eventually(
      async (signal) => (await this.batches.find({ namespace: account, name }, signal)) === undefined,
      { what: `batch ${account}/${name} is gone` },
    );
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}
