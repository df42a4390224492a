import type { CertificateAnswer } from "../../interop/caller/caller.ts";
import type { RefusalCode } from "../../interop/caller/refusal.ts";
import { failed, type DeviceState, type FailureReason, PENDING, PROVISIONED } from "./ledger/states.ts";

/** Why a device is still pending after it was answered. */
export type PendingReason = "CloudBusy" | "PolicyMissing" | "NoAnswer" | "CloudRefused";

export type Verdict =
  | { readonly state: DeviceState; readonly pending?: undefined; readonly message?: string }
  | { readonly state: typeof PENDING; readonly pending: PendingReason; readonly message: string };

/** After this many refusals that say nothing certain, a device counts as failed until it is asked for again. */
export const UNCERTAIN_REFUSALS = 8;

/**
 * What one certificate's answer means for the ledger.
 *
 * @param answer undefined when the callee left the device out: that is no success.
 * @param policyExpected the callee should have attached an IoT policy (AWS): without it a device is let in
 * and may do nothing.
 * @param refusals how often this device was refused before.
 */
export function judge(
  answer: CertificateAnswer | undefined,
  policyExpected: boolean,
  refusals: number,
): Verdict {
  if (answer === undefined) {
    return { state: PENDING, pending: "NoAnswer", message: "the cloud's answer left the device out" };
  }
  if (answer.outcome === "provisioned") {
    if (policyExpected && !answer.policyApplied) {
      return {
        state: PENDING,
        pending: "PolicyMissing",
        message:
          "the cloud knows the certificate but attached no IoT policy to it; check the callee's IOT_POLICY",
      };
    }
    return { state: PROVISIONED };
  }
  if (isBusy(answer)) return { state: PENDING, pending: "CloudBusy", message: answer.message };
  if (!answer.retryable) return { state: failed(REASONS[answer.code]), message: answer.message };
  if (refusals + 1 >= UNCERTAIN_REFUSALS) {
    return { state: failed(REASONS[answer.code]), message: answer.message };
  }
  return {
    state: PENDING,
    pending: answer.hiddenThrottle ? "CloudBusy" : "CloudRefused",
    message: answer.message,
  };
}

/** The callee says in as many words that it is not the device: however often, that is no failure of it. */
export function isBusy(answer: CertificateAnswer | undefined): boolean {
  return answer?.outcome === "refused" && (answer.code === "Throttled" || answer.code === "OutOfTime");
}

const REASONS: Readonly<Record<RefusalCode, FailureReason>> = {
  CertificateUndecodable: "CertificateNotDecodable",
  SerialUnusable: "SerialRejected",
  ValidityOutOfRange: "ValidityRejected",
  ExpirationUndecodable: "ValidityRejected",
  ThumbprintFailed: "ThumbprintRejected",
  RegistrationFailed: "RegistryRefused",
  ExistsWithAnotherCertificate: "IdentityTaken",
  NameUnusable: "NameRejected",
  NotPermitted: "NotPermitted",
  QuotaExceeded: "QuotaExceeded",
  // Never final, for they say nothing of the device; see below.
  Throttled: "RegistryRefused",
  OutOfTime: "RegistryRefused",
  Unknown: "Unknown",
};
