import type { DeprovisionEntry, ProvisionEntry, StatusEntry } from "../protocol/answers.ts";
import type { RefusedEntry } from "../protocol/refusals.ts";
import type { CertificatesRequest } from "../protocol/requests.ts";
import type { CheckedCertificate, Registry, RegistryCall } from "../registries/port.ts";
import { checkCertificate } from "./certificates.ts";

/** An entry of any answer about certificates. */
export type Entry = ProvisionEntry | StatusEntry | DeprovisionEntry;

/** An entry on the wire: a refusal has its code only where it was asked for. */
export type WireEntry = Entry | Omit<RefusedEntry, "code" | "retryable">;

/**
 * Checks certificates, has the registry do what is asked with the good ones, and answers in the manner of its
 * flavor: AWS in the order sent (a ref sent twice has two entries), Azure failures first (it has one).
 * @param now milliseconds since the epoch
 */
export async function serveCertificates(
  registry: Registry,
  request: CertificatesRequest,
  now: number,
  signal: AbortSignal,
): Promise<WireEntry[]> {
  // Who asks about a certificate or takes it out may do so after it has expired.
  const validity = request.action === "provision" ? now : undefined;
  const checks = request.certs.map((each) => checkCertificate(each, validity));
  const good = checks.flatMap((check): CheckedCertificate[] =>
    "certificate" in check ? [check.certificate] : [],
  );
  const call: RegistryCall = { batch: request.batch, signal };
  const answered = good.length === 0 ? [] : await ask(registry, request.action, good, call);
  if (answered.length !== good.length) {
    throw new Error(`the registry answered for ${answered.length} of ${good.length} certificates`);
  }
  const answers = answered.values();
  const entries = checks.flatMap((check): Entry[] => {
    if ("refusal" in check) return [check.refusal];
    const { value } = answers.next();
    return value === undefined ? [] : [value];
  });
  const ordered = registry.flavor === "aws" ? entries : failuresFirst(entries);
  return request.codes ? ordered : ordered.map(withoutCode);
}

async function ask(
  registry: Registry,
  action: CertificatesRequest["action"],
  certificates: readonly CheckedCertificate[],
  call: RegistryCall,
): Promise<Entry[]> {
  if (action === "provision") return registry.provision(certificates, call);
  // Nobody gets here whom the registry's offers did not admit.
  const does = action === "status" ? registry.status?.bind(registry) : registry.deprovision?.bind(registry);
  if (does === undefined) throw new Error(`the registry cannot do ${action}`);
  return does(certificates, call);
}

function withoutCode(entry: Entry): WireEntry {
  if (entry.status === "SUCCESS") return entry;
  const { ref, status, message } = entry;
  return { ref, status, message };
}

function failuresFirst(entries: readonly Entry[]): Entry[] {
  const failures = new Map<string, Entry>();
  const successes = new Map<string, Entry>();
  for (const entry of entries) (entry.status === "ERROR" ? failures : successes).set(entry.ref, entry);
  for (const ref of failures.keys()) successes.delete(ref);
  return [...failures.values(), ...successes.values()];
}
