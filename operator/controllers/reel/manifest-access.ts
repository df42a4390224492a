import type { ResourceClient } from "../../runtime/client.ts";
import type { ConfigMap, Secret } from "../../accounts/core-kinds.ts";
import { ManifestError } from "../../manifests/index.ts";

/**
 * Reads a manifest out of a ConfigMap of the operator's own namespace: text or binary data.
 * @throws ManifestError when there is no such ConfigMap or key; ApiError
 */
export function readManifestConfigMap(
  client: ResourceClient<ConfigMap>,
  namespace: string,
): (name: string, key: string, signal: AbortSignal) => Promise<Uint8Array> {
  return async (name, key, signal) => {
    const configMap = await client.find({ namespace, name }, signal);
    const text = configMap?.data?.[key];
    if (text !== undefined) return Buffer.from(text, "utf8");
    const binary = configMap?.binaryData?.[key];
    if (binary !== undefined) return Buffer.from(binary, "base64");
    const what = configMap === undefined ? "does not exist" : `has no key ${key}`;
    throw new ManifestError(
      "SourceUnavailable",
      `ConfigMap ${namespace}/${name} ${what}; reels' ConfigMaps are read from the operator's own namespace`,
      { transient: true },
    );
  };
}

/**
 * Reads the credentials of an HTTP source from a Secret of the operator's own namespace.
 * @throws ManifestError when there is no such Secret; ApiError
 */
export function readManifestSecret(
  client: ResourceClient<Secret>,
  namespace: string,
): (name: string, signal: AbortSignal) => Promise<Record<string, Uint8Array>> {
  return async (name, signal) => {
    const secret = await client.find({ namespace, name }, signal);
    if (secret === undefined) {
      throw new ManifestError(
        "SourceUnavailable",
        `Secret ${namespace}/${name} does not exist; reels' Secrets are read from the operator's own namespace`,
        { transient: true },
      );
    }
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]),
    );
  };
}
