import type { Difference, StatusEntry } from "../../protocol/answers.ts";
import type { CheckedCertificate } from "../port.ts";
import type { IotApi } from "./api.ts";
import { unless } from "./failures.ts";
import { certificateIdOf, isPrincipal } from "./thing.ts";

/**
 * Tells how one certificate stands; changes nothing.
 * @param name what its thing is called, if it makes a name
 * @param policy the one that it should have
 * @throws CallFailed
 */
export async function statusOf(
  api: IotApi,
  name: string | undefined,
  certificate: CheckedCertificate,
  policy: string | undefined,
  signal: AbortSignal,
): Promise<StatusEntry> {
  const found = await unless(
    "ResourceNotFoundException",
    api.describeCertificate(certificateIdOf(certificate), signal),
  );
  const policies = found === undefined ? [] : await api.attachedPolicies(found.arn, signal);
  const principals =
    name === undefined
      ? []
      : ((await unless("ResourceNotFoundException", api.thingPrincipals(name, signal))) ?? []);

  const present = found !== undefined;
  const active = found?.status === "ACTIVE";
  const attached = present && principals.some((principal) => isPrincipal(principal, certificate));
  const policyApplied = policy === undefined ? policies.length > 0 : policies.includes(policy);
  const faults: Record<Difference, boolean> = {
    Missing: !present,
    Inactive: present && !active,
    NotAttached: present && !attached,
    PolicyMissing: present && policy !== undefined && !policyApplied,
    ExistsWithAnotherCertificate: principals.some((principal) => !isPrincipal(principal, certificate)),
  };
  return {
    ref: certificate.ref,
    status: "SUCCESS",
    name: name ?? null,
    present,
    active,
    attached,
    policyApplied,
    differs: (Object.keys(faults) as Difference[]).filter((difference) => faults[difference]),
  };
}
