import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { DeviceBatch } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";
import { apply } from "../cluster/apply.ts";
import { connect } from "../cluster/connect.ts";
import { eventually } from "../cluster/eventually.ts";
import { installCrds } from "../cluster/install.ts";
import { startOperator } from "../cluster/operator-process.ts";
import type { OperatorProcess } from "../cluster/operator-process.ts";
import { findControlPlane, startControlPlane } from "../control-plane/launcher.ts";
import type { ControlPlane } from "../control-plane/launcher.ts";
import { issueServerCertificate } from "../factory/index.ts";
import { describeEnding } from "../process/owned-process.ts";
import { reapFolder } from "../process/reaper.ts";
import { startCloud } from "./clouds.ts";
import type { ProductCloud } from "./clouds.ts";
import { startDemoConsole } from "./console.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { layFiles, makeManifests, serveManifests } from "./manifests.ts";
import { configMapOf, fillCloudApi, fillReel, fillSecret, loginsOf, readSamples } from "./samples.ts";
import type { ConfigMap, Samples } from "./samples.ts";

const OPERATOR_NAMESPACE = "certferry-system";
/** Whose samples most are; kubectl and certferry without `-n` are there. */
const ACCOUNT = "acme";
const FIELD_MANAGER = "certferry-demo";
const JWKS: { name: string; key: string } = { name: "certferry-jwks", key: "jwks.json" };
const CONFIG_MAPS: ResourceKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

export interface StageOptions {
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that the demo runs, up and waiting for the samples. */
export interface Stage {
  /** An administrator's, whose namespace is the account that most of the samples are in. */
  readonly kubeconfig: string;
  /** The operator's folder of manifests. */
  readonly manifestRoot: string;
  readonly controlPlane: ControlPlane;
  readonly client: KubeClient;
  readonly operator: OperatorProcess;
  readonly clouds: readonly ProductCloud[];
  /** Where the console is served; two people need no password there. */
  readonly consoleUrl: URL;
  /** Batch ID → how many devices its reel was made with. */
  readonly devices: ReadonlyMap<string, number>;
  /** Applies CloudApis, reels and batches. */
  applySamples(signal: AbortSignal): Promise<void>;
  batches(signal: AbortSignal): Promise<DeviceBatch[]>;
  /** A sentence that names a process that has ended although it should not; undefined while all is well. */
  lost(): string | undefined;
  /** Stops and removes everything, in order. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sets the stage: control plane, CRDs, operator, product clouds, manifests.
 * @throws Error when a part cannot be had; what was started until then is stopped
 */
export async function setStage({ log, signal }: StageOptions): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  try {
    const stage = await buildStage(stack, log, signal);
    const owned = stack.move();
    return Object.assign(stage, { [Symbol.asyncDispose]: async () => await owned.disposeAsync() });
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function buildStage(
  stack: AsyncDisposableStack,
  log: (message: string) => void,
  signal: AbortSignal,
): Promise<Omit<Stage, typeof Symbol.asyncDispose>> {
  const done = stopwatch(log);
  const folder = await mkdtemp(join(tmpdir(), "certferry-demo-"));
  reapFolder(folder);
  stack.defer(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  const source = await findControlPlane({ log, signal });
  const controlPlane = await startControlPlane({ source, signal });
  stack.defer(async () => await controlPlane.stop());
  done(`Kubernetes API server and etcd at ${controlPlane.url}`);

  const kubeconfig = join(folder, "kubeconfig");
  await writeKubeconfig(controlPlane.kubeconfig, kubeconfig, ACCOUNT);

  const client = connect(controlPlane.kubeconfig, { userAgent: FIELD_MANAGER });
  stack.defer(async () => await client.close());
  await installCrds(client, { fieldManager: FIELD_MANAGER, signal });
  done("custom resource definitions and policies");

  const samples = await readSamples();
  const manifests = await makeManifests(samples.reels);
  const manifestRoot = join(folder, "manifests");
  await layFiles(manifestRoot, samples.reels, manifests);
  const total = [...manifests.values()].reduce((sum, manifest) => sum + manifest.devices, 0);
  done(`${manifests.size} reels with ${total} new devices`);

  await apply(client, samples.namespaces, { fieldManager: FIELD_MANAGER, signal });
  const starting = startDemoConsole({
    kubeconfig: controlPlane.kubeconfig,
    client,
    fieldManager: FIELD_MANAGER,
    signal,
  });
  // Whatever else fails meanwhile: it is waited for before the stage is cleared.
  stack.defer(
    async () => await starting.then(async (running) => await running.stop()).catch(() => undefined),
  );
  const operator = await startOperator({
    kubeconfig: controlPlane.kubeconfig,
    operatorNamespace: OPERATOR_NAMESPACE,
    egressAllowCidrs: ["127.0.0.1/32"],
    manifestRoot,
    dataDir: join(folder, "operator"),
    signal,
  });
  stack.defer(async () => void (await operator.stop()));
  done(`operator, process ${operator.pid}`);

  const tls = await issueServerCertificate({ hosts: ["127.0.0.1", "localhost"] });
  await writeFile(join(folder, "ca.pem"), tls.caPem);
  await writeFile(join(folder, "server.pem"), tls.certPem);
  await writeFile(join(folder, "server.key"), tls.keyPem, { mode: 0o600 });
  const password = randomBytes(16).toString("base64url");
  const clouds = await startClouds(stack, { client, samples, folder, password, signal });
  done(`three product clouds: ${clouds.map((cloud) => `${cloud.name} at ${cloud.origin}`).join(", ")}`);

  const vendor = await serveManifests({
    manifests: [...manifests.values()],
    tls,
    logins: loginsOf(samples, password),
  });
  stack.defer(async () => await vendor.stop());
  done(`the vendor's manifest server at ${vendor.url}`);

  const webConsole = await starting;
  done(`the console at ${webConsole.url.href}`);

  const [aws, azure, other] = clouds;
  const addresses = {
    caPem: tls.caPem,
    awsEndpoint: aws.origin,
    azureInteropUrl: azure.url,
    otherUrl: other.url,
    manifestServer: vendor.url,
  };
  const objects: KubeObject[] = samples.secrets.map((secret) => fillSecret(secret, password));
  objects.push(...(samples.cloudApis.map((api) => fillCloudApi(api, addresses)) as KubeObject[]));
  for (const reel of samples.reels) {
    const manifest = manifests.get(reel.spec.batchId);
    if (manifest === undefined) continue;
    const configMap = configMapOf(reel, manifest, OPERATOR_NAMESPACE);
    if (configMap !== undefined) objects.push(configMap);
    objects.push(fillReel(reel, manifest, addresses));
  }
  objects.push(...(samples.batches as readonly KubeObject[]));

  return {
    kubeconfig,
    manifestRoot,
    controlPlane,
    client,
    operator,
    clouds,
    consoleUrl: webConsole.url,
    devices: new Map([...manifests.values()].map((manifest) => [manifest.batchId, manifest.devices])),
    async applySamples(inner) {
      await apply(client, objects, { fieldManager: FIELD_MANAGER, signal: inner });
    },
    async batches(inner) {
      const { items } = await client.resource<DeviceBatch>(kinds.DeviceBatch).list({}, inner);
      return items.sort((a, b) => a.spec.batchId.localeCompare(b.spec.batchId));
    },
    lost() {
      const parts = clouds.map(({ name, process }) => ({
        name: `product cloud ${name}`,
        ending: process.ending,
      }));
      parts.unshift({ name: "operator", ending: operator.ending });
      for (const { name, ending } of parts) {
        if (ending !== undefined) return `the ${name} has ended (${describeEnding(ending)})`;
      }
      return undefined;
    },
  };
}

interface CloudParts {
  readonly client: KubeClient;
  readonly samples: Samples;
  readonly folder: string;
  readonly password: string;
  readonly signal: AbortSignal;
}

/** One cloud of each type of the samples; the first two trust the keys of the account that declares them. */
async function startClouds(
  stack: AsyncDisposableStack,
  { client, samples, folder, password, signal }: CloudParts,
): Promise<[aws: ProductCloud, azure: ProductCloud, other: ProductCloud]> {
  const aws = one(samples, "AWS");
  const azure = one(samples, "Azure");
  const other = one(samples, "Other");
  const secret = samples.secrets.find(
    ({ metadata }) =>
      metadata.name === other.spec.other?.credentialsSecretRef.name &&
      metadata.namespace === other.metadata.namespace,
  );
  const start = async (options: Parameters<typeof startCloud>[0]): Promise<ProductCloud> => {
    const cloud = await startCloud(options, folder, signal);
    stack.defer(async () => void (await cloud.process.stop()));
    return cloud;
  };
  const [awsKeys, azureKeys] = await Promise.all([
    publishedKeys(client, aws.metadata.namespace, signal),
    publishedKeys(client, azure.metadata.namespace, signal),
  ]);
  const starts = [
    start({
      name: aws.metadata.name,
      flavor: "aws",
      auth: {
        kind: "bearer",
        jwks: awsKeys,
        audience: aws.spec.aws?.accountId ?? "",
      },
      basePath: `/${aws.spec.aws?.stage ?? ""}`,
      endpoint: "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com",
    }),
    start({
      name: azure.metadata.name,
      flavor: "azure",
      auth: {
        kind: "bearer",
        jwks: azureKeys,
        audience: azure.spec.azure?.subscriptionId ?? "",
      },
      endpoint: "acme-devices.azure-devices.net",
    }),
    start({
      name: other.metadata.name,
      flavor: "aws",
      auth: { kind: "basic", username: secret?.stringData?.["username"] ?? "", password },
      endpoint: "devices.example.com",
    }),
  ] as const;
  // When one fails, the others are waited for before the stage is cleared, so that none is forgotten.
  await Promise.allSettled(starts);
  return await Promise.all(starts);
}

function one(samples: Samples, type: "AWS" | "Azure" | "Other"): Samples["cloudApis"][number] {
  const api = samples.cloudApis.find((each) => each.spec.type === type);
  if (api === undefined) throw new Error(`the samples have no CloudApi of type ${type}`);
  return api;
}

/** The account's public keys, as the operator publishes them for its clouds. */
async function publishedKeys(client: KubeClient, namespace: string, signal: AbortSignal): Promise<string> {
  const configMaps = client.resource<ConfigMap>(CONFIG_MAPS);
  return await eventually(
    async (inner) => {
      const configMap = await configMaps.find({ namespace, name: JWKS.name }, inner);
      return configMap?.data?.[JWKS.key];
    },
    { signal, what: `the operator publishes the keys of account ${namespace} (ConfigMap ${JWKS.name})` },
  );
}

function stopwatch(log: (message: string) => void): (what: string) => void {
  let last = performance.now();
  return (what) => {
    const now = performance.now();
    log(`${((now - last) / 1000).toFixed(1).padStart(5)} s  ${what}`);
    last = now;
  };
}
