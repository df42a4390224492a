import type { CheckedCertificate } from "../port.ts";
import type { IotApi } from "./api.ts";
import { Refusal, unless } from "./failures.ts";
import { certificateIdOf } from "./thing.ts";

export interface RegisteredCertificate {
  readonly arn: string;
  /** It was there before this call. */
  readonly existed: boolean;
  readonly active: boolean;
}

/**
 * Registers a certificate, or finds it.
 * @throws Refusal `NotPermitted`: somebody has revoked it, or it is being given to another account
 * @throws CallFailed
 */
export async function registerCertificate(
  api: IotApi,
  certificate: CheckedCertificate,
  signal: AbortSignal,
): Promise<RegisteredCertificate> {
  const registered = await unless(
    "ResourceAlreadyExistsException",
    api.registerCertificate(certificate.pem, signal),
  );
  if (registered?.certificateArn !== undefined) {
    return { arn: registered.certificateArn, existed: false, active: true };
  }
  const { arn, status } = await api.describeCertificate(certificateIdOf(certificate), signal);
  if (status === "ACTIVE") return { arn, existed: true, active: true };
  // Inactive is what a deprovisioned one is left as half-way; the other states are somebody's decision.
  if (status === "INACTIVE" || status === "PENDING_ACTIVATION") return { arn, existed: true, active: false };
  throw new Refusal("NotPermitted", `the certificate is ${status}`);
}
