import type { CloudApi, DeviceBatch, ReelBinding } from "../../../crds/index.ts";
import { claimsDefault } from "../cluster.ts";

/** Which clouds a bound batch goes to. */
export type CloudChoice =
  /** These; `record` is a default that must be written into the binding first. */
  | { readonly kind: "clouds"; readonly names: readonly string[]; readonly record?: string }
  /** None, and that is as declared. */
  | { readonly kind: "boundOnly" }
  /** None yet. */
  | {
      readonly kind: "none";
      readonly reason: "NoDefaultCloudApi" | "AmbiguousDefault";
      readonly message: string;
    };

/**
 * Chooses a batch's clouds: those it declares; else, when automatic, the default that was chosen at binding,
 * or the account's only default now.
 */
export function planClouds(
  batch: DeviceBatch,
  binding: ReelBinding,
  cloudApis: readonly CloudApi[],
): CloudChoice {
  const declared = batch.spec.cloudApis ?? [];
  if (declared.length > 0) return { kind: "clouds", names: declared.map(({ name }) => name) };
  if (batch.spec.provisioning === "Manual") return { kind: "boundOnly" };
  const chosen = binding.spec.defaultCloudApi;
  if (chosen !== undefined) return { kind: "clouds", names: [chosen] };

  const defaults = cloudApis
    .filter(claimsDefault)
    .map((api) => api.metadata.name)
    .sort();
  const [first, ...others] = defaults;
  if (first === undefined) {
    return {
      kind: "none",
      reason: "NoDefaultCloudApi",
      message:
        "the batch names no CloudApi and the account has no default; set spec.default on a CloudApi, or name one in spec.cloudApis",
    };
  }
  if (others.length > 0) {
    return {
      kind: "none",
      reason: "AmbiguousDefault",
      message: `the batch names no CloudApi and the account has several defaults (${defaults.join(", ")}); leave spec.default on one, or name a CloudApi in spec.cloudApis`,
    };
  }
  return { kind: "clouds", names: [first], record: first };
}
