import type { ProvisionEntry } from "../../protocol/answers.ts";
import type { CheckedCertificate, RegistryCall } from "../port.ts";
import type { IotApi } from "./api.ts";
import { registerCertificate, type RegisteredCertificate } from "./certificate.ts";
import { CallFailed } from "./failures.ts";
import type { BatchGroups } from "./groups.ts";
import { certificateIdOf, type ClaimedThing, claimThing, isAlone, noteBatch } from "./thing.ts";

export interface Provisioning {
  readonly api: IotApi;
  readonly topic: string;
  readonly thingType: string | undefined;
  readonly groups: BatchGroups | undefined;
  /** Is called when AWS does not find what a policy is attached to or the policy: it is to be looked for again. */
  readonly policyGone: () => void;
}

/** What holds for all certificates of one request. */
export interface RequestFacts {
  readonly endpoint: string | null;
  /** The policy that each certificate gets. */
  readonly policy: string | undefined;
}

/**
 * Lets one device in: four calls for one that is new (five with a thing group), more only where something is
 * there already. Each step is safe to repeat, so that a push which stopped anywhere is completed by the next.
 * @throws Refusal, CallFailed
 */
export async function provisionOne(
  { api, topic, thingType, groups, policyGone }: Provisioning,
  name: string,
  certificate: CheckedCertificate,
  { endpoint, policy }: RequestFacts,
  { batch, signal }: RegistryCall,
): Promise<ProvisionEntry> {
  const thing = await claimThing(api, name, certificate, { batch, type: thingType, signal });
  const registered = await register(api, thing, certificate, signal);
  const attached = thing.attached ?? (registered.existed && (await isAlone(api, name, certificate, signal)));

  if (!registered.active) await api.updateCertificate(certificateIdOf(certificate), "ACTIVE", signal);
  if (policy !== undefined) {
    try {
      await api.attachPolicy(policy, registered.arn, signal);
    } catch (error) {
      // The policy may have gone since it was looked for; the next request is to know.
      if (error instanceof CallFailed && error.error === "ResourceNotFoundException") {
        policyGone();
      }
      throw error;
    }
  }
  if (!attached) await api.attachThingPrincipal(name, registered.arn, signal);
  if (batch !== undefined) await enterBatch(api, thing, batch, groups, signal);
  return {
    ref: certificate.ref,
    status: "SUCCESS",
    endpoint,
    topic,
    policyApplied: policy !== undefined,
  };
}

/** Registers the certificate; a name taken for one that AWS will never have is given back. */
async function register(
  api: IotApi,
  thing: ClaimedThing,
  certificate: CheckedCertificate,
  signal: AbortSignal,
): Promise<RegisteredCertificate> {
  try {
    return await registerCertificate(api, certificate, signal);
  } catch (error) {
    const never = error instanceof CallFailed && error.code === "CertificateUndecodable";
    // AWS refuses if anything is attached to it.
    if (never && thing.made) await api.deleteThing(thing.name, undefined, signal);
    throw error;
  }
}

async function enterBatch(
  api: IotApi,
  { name, movedFrom }: ClaimedThing,
  batch: string,
  groups: BatchGroups | undefined,
  signal: AbortSignal,
): Promise<void> {
  await groups?.join(name, batch, signal);
  if (movedFrom === undefined) return;
  // The attribute last: it is what a repeated push knows the former group by.
  await groups?.leave(name, movedFrom, signal);
  await noteBatch(api, name, batch, signal);
}
