import type { ProvisionEntry } from "../../interop/protocol/answers.ts";
import { refused } from "../../interop/protocol/refusals.ts";
import type { MemoryRegistry } from "../../interop/registries/memory.ts";
import type { CheckedCertificate, RegistryCall } from "../../interop/registries/port.ts";
import type { Manners } from "./faults.ts";

/**
 * A registry with bad manners: refuses what it is told to, and is throttled as a cloud behind v1 is: what
 * comes above the rate fails with v1's text. A second's worth may come at once.
 */
export function unmannerly(registry: MemoryRegistry, manners: () => Manners): MemoryRegistry {
  let tokens = Number.POSITIVE_INFINITY;
  let filledAt = performance.now();

  function admits(): boolean {
    const rate = manners().hiddenThrottle?.devicesPerSecond;
    if (rate === undefined) return true;
    const now = performance.now();
    tokens = Math.min(rate, tokens + ((now - filledAt) / 1000) * rate);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }

  async function provisionOne(certificate: CheckedCertificate, call: RegistryCall): Promise<ProvisionEntry> {
    const { ref } = certificate;
    const { refuse, withoutPolicy } = manners();
    if (refuse?.refs.includes(ref)) return refused(ref, "RegistrationFailed", refuse.message);
    if (!admits()) return refused(ref, "Throttled");
    const [entry] = await registry.provision([certificate], call);
    if (entry === undefined) throw new Error(`the registry has no answer for ${ref}`);
    return entry.status === "SUCCESS" && withoutPolicy === true ? { ...entry, policyApplied: false } : entry;
  }

  return {
    ...registry,
    async provision(certificates, call) {
      const entries: ProvisionEntry[] = [];
      for (const certificate of certificates) entries.push(await provisionOne(certificate, call));
      return entries;
    },
  };
}
