import { createHash } from "node:crypto";
import type { CloudApiSpec } from "../../crds/index.ts";

/** Which product cloud a CloudApi points at: the same for every CloudApi that points there. */
export interface TargetIdentity {
  /** For people, and what the hash is made of: `AWS/123456789012/eu-west-1`. */
  readonly key: string;
  readonly type: CloudApiSpec["type"];
  /** Ten hex digits of SHA-256 over `key`; fits a label and an object's name. */
  readonly hash: string;
}

/**
 * The identity of a CloudApi's target. Pace is kept and devices are counted for each target.
 *
 * AWS: account and region (an IoT registry is one of these, whatever gateways lead to it). Azure:
 * subscription and host of the interop URL (a subscription may hold several hubs, and only the function
 * app's name tells them apart). Other: host of the URL.
 *
 * @returns undefined when the block that belongs to `type` is missing (admission refuses that).
 */
export function targetOf(spec: CloudApiSpec): TargetIdentity | undefined {
  const key = keyOfTarget(spec);
  if (key === undefined) return undefined;
  return { key, type: spec.type, hash: createHash("sha256").update(key).digest("hex").slice(0, 10) };
}

function keyOfTarget(spec: CloudApiSpec): string | undefined {
  switch (spec.type) {
    case "AWS":
      return spec.aws && `AWS/${spec.aws.accountId}/${spec.aws.region}`;
    case "Azure":
      return (
        spec.azure && `Azure/${spec.azure.subscriptionId.toLowerCase()}/${hostOf(spec.azure.interopUrl)}`
      );
    case "Other":
      return spec.other && `Other/${hostOf(spec.other.url)}`;
    default:
      return undefined;
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host.toLowerCase() : url;
}
