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

/** The types of Secrets that people make for user names, passwords and tokens. */
const CREDENTIAL_TYPES: ReadonlySet<string> = new Set(["kubernetes.io/basic-auth", "Opaque"]);

/**
 * Reads the credentials of an HTTP source from a Secret of the operator's own namespace. Whoever declares
 * Reels chooses the server that gets them, so it is none of those that are there for something else: tokens
 * of service accounts, signing keys.
 * @throws ManifestError when there is no such Secret, or it is not for this; ApiError
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
    const { type = "Opaque", metadata } = secret;
    const own = metadata.labels?.["app.kubernetes.io/managed-by"] === "certferry";
    if (own || !CREDENTIAL_TYPES.has(type)) {
      throw new ManifestError(
        "SourceNotAllowed",
        `Secret ${namespace}/${name} ${own ? "is the operator's own" : `is of the type ${type}`}, and is sent to no server: make one of the type kubernetes.io/basic-auth or Opaque`,
        { transient: true },
      );
    }
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]),
    );
  };
}
