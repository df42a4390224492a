import type { CheckedCertificate } from "../port.ts";
import type { IotApi, ThingDescription } from "./api.ts";
import { Refusal, unless } from "./failures.ts";

/** The thing of a certificate, as it was found or made. */
export interface ClaimedThing {
  readonly name: string;
  /** Whether the certificate is attached to it; undefined: not looked at, most likely it was made just now. */
  readonly attached: boolean | undefined;
  /** It was made for this certificate, now or before. */
  readonly made: boolean;
  /** It had been in this batch. */
  readonly movedFrom?: string;
}

/** The attribute by which a thing says which certificate has its name: SHA-256, upper-case hex. */
export const OWNER = "fingerprint";
const BATCH = "batch";

/** The SHA-256 of the DER in lower-case hex is what AWS IoT calls a certificate by. */
export function certificateIdOf({ thumbprint }: CheckedCertificate): string {
  return thumbprint.toLowerCase();
}

/** Whether a principal (an ARN) is this certificate. */
export function isPrincipal(arn: string, certificate: CheckedCertificate): boolean {
  return arn.endsWith(`:cert/${certificateIdOf(certificate)}`);
}

/**
 * Takes a thing's name for a certificate, before anything else is done for it, so that one which comes too late
 * leaves nothing behind. AWS decides who is first: CreateThing answers an equal request as the first one and
 * refuses an unequal one, and the attributes differ by certificate. (`EXCLUSIVE_THING` would not: it keeps a
 * certificate to one thing, not a thing to one certificate.)
 * @throws Refusal `ExistsWithAnotherCertificate`, or `RegistrationFailed` while the other is not attached yet
 * @throws CallFailed
 */
export async function claimThing(
  api: IotApi,
  name: string,
  certificate: CheckedCertificate,
  { batch, type, signal }: { batch: string | undefined; type: string | undefined; signal: AbortSignal },
): Promise<ClaimedThing> {
  const attributes = {
    serialNumber: certificate.serial,
    [OWNER]: certificate.thumbprint,
    ...(batch === undefined ? {} : { [BATCH]: batch }),
  };
  const made = await unless(
    "ResourceAlreadyExistsException",
    api.createThing(name, attributes, type, signal),
  );
  if (made !== undefined) return { name, attached: undefined, made: true };

  const thing = await api.describeThing(name, signal);
  const attached = await isAlone(api, name, certificate, signal);
  const owner = thing.attributes[OWNER];
  if (owner === certificate.thumbprint) return moved(name, attached, thing, batch);
  if (attached) return { name, attached, made: false };
  if (owner !== undefined) {
    // Another certificate's, which is on its way in or has stopped half-way. It may still be taken out.
    throw new Refusal("RegistrationFailed", `${name} is kept for another certificate`);
  }
  // Nobody's: made by hand, or by a v1 stack that got no further. Of two that claim it, one has the version.
  await api.updateThing(name, attributes, thing.version, signal);
  return { name, attached, made: false };
}

function moved(
  name: string,
  attached: boolean,
  { attributes }: ThingDescription,
  batch: string | undefined,
): ClaimedThing {
  const before = attributes[BATCH];
  const movedFrom = batch === undefined || before === batch ? undefined : before;
  return { name, attached, made: true, ...(movedFrom === undefined ? {} : { movedFrom }) };
}

/**
 * Whether the certificate is attached to the thing.
 * @throws Refusal `ExistsWithAnotherCertificate`: another one is, be it beside ours
 */
export async function isAlone(
  api: IotApi,
  name: string,
  certificate: CheckedCertificate,
  signal: AbortSignal,
): Promise<boolean> {
  const principals = await api.thingPrincipals(name, signal);
  if (principals.some((principal) => !isPrincipal(principal, certificate))) {
    throw new Refusal("ExistsWithAnotherCertificate", `${name} has another certificate`);
  }
  return principals.length > 0;
}

/** Writes into the thing which batch it is in now. */
export async function noteBatch(
  api: IotApi,
  name: string,
  batch: string,
  signal: AbortSignal,
): Promise<void> {
  await api.updateThing(name, { [BATCH]: batch }, undefined, signal);
}
