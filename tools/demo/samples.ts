import { resolve } from "node:path";

import type { CloudApi, DeviceBatch, ManifestSource, Reel } from "../../crds/index.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { readObjects } from "../cluster/apply.ts";
import type { Manifest } from "./manifests.ts";

const SAMPLES = resolve(import.meta.dirname, "../../samples");

/**
 * A reel that no sample binds, for whoever tries the demo. Its manifest is in a ConfigMap, so the command line
 * can read it too.
 */
export const SPARE: { readonly reel: Reel; readonly devices: number } = {
  reel: {
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d011" },
    spec: { batchId: "D011", manifest: { configMap: { name: "d011-manifest", key: "D011.csv" } } },
  },
  devices: 5,
};

/** The objects under samples/, by what the demo does with them. */
export interface Samples {
  readonly namespaces: readonly KubeObject[];
  readonly secrets: readonly Secret[];
  readonly cloudApis: readonly CloudApi[];
  readonly reels: readonly Reel[];
  readonly batches: readonly DeviceBatch[];
}

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly stringData?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads the samples, and adds the spare reel. The manifests that lie in them give way to new ones. */
export async function readSamples(folder: string = SAMPLES): Promise<Samples> {
  const objects = await readObjects(folder);
  const of = <T extends KubeObject>(kind: string): T[] => objects.filter((each) => each.kind === kind) as T[];
  return {
    namespaces: of("Namespace"),
    secrets: of<Secret>("Secret"),
    cloudApis: of<KubeObject>("CloudApi") as CloudApi[],
    reels: [...(of<KubeObject>("Reel") as Reel[]).map(inConfigMap), SPARE.reel],
    batches: of<KubeObject>("DeviceBatch") as DeviceBatch[],
  };
}

/** Most samples are files; to show every way, the demo has an archive in a ConfigMap's binaryData too. */
function inConfigMap(reel: Reel): Reel {
  if (reel.spec.batchId !== "D006" && reel.spec.batchId !== "D007") return reel;
  const { name } = reel.metadata;
  const key = `${reel.spec.batchId}.${reel.spec.batchId === "D006" ? "7z" : "csv"}`;
  return { ...reel, spec: { ...reel.spec, manifest: { configMap: { name: `${name}-manifest`, key } } } };
}

/** Where the demo's product clouds and the vendor's web server really are, and whom to trust there. */
export interface Addresses {
  readonly caPem: string;
  /** Scheme and host of the cloud that is reached as AWS; stage and /interop follow. */
  readonly awsEndpoint: string;
  readonly azureInteropUrl: string;
  readonly otherUrl: string;
  readonly manifestServer: string;
}

/** The sample CloudApis, led to the demo's product clouds. */
export function fillCloudApi(api: CloudApi, addresses: Addresses): CloudApi {
  const { spec } = api;
  const filled = { ...spec, caBundle: addresses.caPem };
  if (spec.aws !== undefined) filled.aws = { ...spec.aws, endpoint: addresses.awsEndpoint };
  if (spec.azure !== undefined) filled.azure = { ...spec.azure, interopUrl: addresses.azureInteropUrl };
  if (spec.other !== undefined) filled.other = { ...spec.other, url: addresses.otherUrl };
  return { ...api, spec: filled };
}

/** The sample reels, led to the manifests that were made for this run, with their digests. */
export function fillReel(reel: Reel, manifest: Manifest, addresses: Addresses): Reel {
  const { http, ...source } = reel.spec.manifest;
  const filled: ManifestSource = { ...source, sha256: manifest.sha256 };
  if (http !== undefined) {
    const url = `${addresses.manifestServer}${new URL(http.url).pathname}`;
    filled.http = { ...http, url, caBundle: addresses.caPem };
  }
  return { ...reel, spec: { ...reel.spec, manifest: filled } };
}

/** The ConfigMap of a reel that has its manifest in one; text in data, archives in binaryData. */
export function configMapOf(reel: Reel, manifest: Manifest, namespace: string): ConfigMap | undefined {
  const source = reel.spec.manifest.configMap;
  if (source === undefined) return undefined;
  const metadata = { name: source.name, namespace };
  const bytes = Buffer.from(manifest.bytes);
  const content = source.key.endsWith(".7z")
    ? { binaryData: { [source.key]: bytes.toString("base64") } }
    : { data: { [source.key]: bytes.toString("utf8") } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, ...content };
}

/** The sample Secrets with a password of this run. */
export function fillSecret(secret: Secret, password: string): Secret {
  return { ...secret, stringData: { ...secret.stringData, password } };
}

/** File name → login, for the reels whose web server wants one. */
export function loginsOf(
  samples: Samples,
  password: string,
): Map<string, { username: string; password: string }> {
  const logins = new Map<string, { username: string; password: string }>();
  for (const { spec } of samples.reels) {
    const { http } = spec.manifest;
    if (http?.secretRef === undefined) continue;
    const secret = samples.secrets.find((each) => each.metadata.name === http.secretRef?.name);
    const username = secret?.stringData?.["username"] ?? "";
    logins.set(new URL(http.url).pathname.split("/").pop() ?? "", { username, password });
  }
  return logins;
}
