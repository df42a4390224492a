import type { ProvisionEntry } from "../protocol/answers.ts";
import type { CertificateRequest } from "../protocol/requests.ts";
import type { CheckedCertificate, Registry } from "../registries/port.ts";
import { checkCertificate } from "./certificates.ts";

/**
 * Checks certificates, lets the good ones into the registry, and answers in the manner of its flavor:
 * AWS in the order sent (a ref sent twice has two entries), Azure failures first (it has one).
 * @param now milliseconds since the epoch
 */
export async function provision(
  registry: Registry,
  requests: readonly CertificateRequest[],
  now: number,
  signal: AbortSignal,
): Promise<ProvisionEntry[]> {
  const checks = requests.map((request) => checkCertificate(request, now));
  const good = checks.flatMap((check): CheckedCertificate[] =>
    "certificate" in check ? [check.certificate] : [],
  );
  const registered = good.length === 0 ? [] : await registry.provision(good, signal);
  if (registered.length !== good.length) {
    throw new Error(`the registry answered for ${registered.length} of ${good.length} certificates`);
  }
  const answers = registered.values();
  const entries = checks.flatMap((check, index): ProvisionEntry[] => {
    const ref = requests[index]?.ref ?? "";
    if ("message" in check) return [{ ref, status: "ERROR", message: check.message }];
    const { value } = answers.next();
    return value === undefined ? [] : [value];
  });
  return registry.flavor === "aws" ? entries : failuresFirst(entries);
}

function failuresFirst(entries: readonly ProvisionEntry[]): ProvisionEntry[] {
  const failures = new Map<string, ProvisionEntry>();
  const successes = new Map<string, ProvisionEntry>();
  for (const entry of entries) (entry.status === "ERROR" ? failures : successes).set(entry.ref, entry);
  for (const ref of failures.keys()) successes.delete(ref);
  return [...failures.values(), ...successes.values()];
}
