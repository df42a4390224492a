import type { DeprovisionEntry } from "../../protocol/answers.ts";
import type { CheckedCertificate } from "../port.ts";
import type { IotApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import { CallFailed, Refusal, unless } from "./failures.ts";
import { certificateIdOf, isPrincipal, OWNER } from "./thing.ts";

/** Waits between tries while AWS has not seen a detachment yet: it says that this may take several seconds. */
const WAITS_MS = [250, 500, 1000, 2000, 4000];

const NOT_YET: ReadonlySet<string> = new Set(["DeleteConflictException", "CertificateStateException"]);

/**
 * Takes one certificate out, with what was made for it. It is deactivated first, so that the device is cut off
 * even if nothing else succeeds, and deleted last, so that a repeated call finds what is still to be done.
 * Things of other names that somebody attached it to are left, detached.
 * @param name what its thing is called, if it makes a name
 * @throws Refusal, CallFailed
 */
export async function deprovisionOne(
  { api, clock }: { api: IotApi; clock: Clock },
  name: string | undefined,
  certificate: CheckedCertificate,
  signal: AbortSignal,
): Promise<DeprovisionEntry> {
  const id = certificateIdOf(certificate);
  const present =
    (await unless("ResourceNotFoundException", api.updateCertificate(id, "INACTIVE", signal))) !== undefined;
  if (present) await detachAll(api, id, signal);
  const thingGone =
    name !== undefined && (await deleteThing({ api, clock }, name, certificate, present, signal));
  if (present) {
    await untilTrue(clock, signal, "the certificate is still attached to something", async () => {
      if (await isDeleted(api, id, signal)) return true;
      await detachAll(api, id, signal);
      return false;
    });
  }
  return { ref: certificate.ref, status: "SUCCESS", removed: present || thingGone };
}

async function detachAll(api: IotApi, id: string, signal: AbortSignal): Promise<void> {
  const found = await unless("ResourceNotFoundException", api.describeCertificate(id, signal));
  if (found === undefined) return;
  for (const policy of await api.attachedPolicies(found.arn, signal)) {
    await api.detachPolicy(policy, found.arn, signal);
  }
  for (const thing of await api.principalThings(found.arn, signal)) {
    await unless("ResourceNotFoundException", api.detachThingPrincipal(thing, found.arn, signal));
  }
}

/** Not as long as AWS sees something attached to it, or has not seen that it is inactive. */
async function isDeleted(api: IotApi, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    await unless("ResourceNotFoundException", api.deleteCertificate(id, signal));
    return true;
  } catch (error) {
    if (error instanceof CallFailed && NOT_YET.has(error.error)) return false;
    throw error;
  }
}

/**
 * Deletes the thing if it is this certificate's: if it says so, or says nothing (v1 made it) and the
 * certificate is known. AWS refuses while any certificate is attached.
 * @returns whether it was there and is gone
 */
async function deleteThing(
  { api, clock }: { api: IotApi; clock: Clock },
  name: string,
  certificate: CheckedCertificate,
  present: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let deleted = false;
  await untilTrue(clock, signal, `${name} is still attached to something`, async () => {
    const thing = await unless("ResourceNotFoundException", api.describeThing(name, signal));
    if (thing === undefined) return true;
    const owner = thing.attributes[OWNER];
    if (owner !== certificate.thumbprint && !(owner === undefined && present)) return true;
    try {
      // Only as it was seen: another certificate may claim the name meanwhile.
      await api.deleteThing(name, thing.version, signal);
      deleted = true;
      return true;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (error.error === "VersionConflictException") return false;
      if (error.error !== "InvalidRequestException") throw error;
      const principals = await unless("ResourceNotFoundException", api.thingPrincipals(name, signal));
      return principals?.some((principal) => !isPrincipal(principal, certificate)) ?? false;
    }
  });
  return deleted;
}

async function untilTrue(
  clock: Clock,
  signal: AbortSignal,
  otherwise: string,
  attempt: () => Promise<boolean>,
): Promise<void> {
  for (const wait of WAITS_MS) {
    if (await attempt()) return;
    await clock.sleep(wait, signal);
  }
  if (!(await attempt())) throw new Refusal("RegistrationFailed", otherwise);
}
