import type { CertificateAnswer, DeprovisionAnswer, Refusal } from "../../interop/caller/caller.ts";
import type { RefusalCode } from "../../interop/caller/refusal.ts";
import { failed, type DeviceState, type FailureReason, PROVISIONED, REMOVED } from "./ledger/states.ts";

/** Why a device is still to be dealt with after it was answered. */
export type PendingReason = "CloudBusy" | "PolicyMissing" | "NoAnswer" | "CloudRefused";

/** What the ledger is to say of a device from now on; or that it says what it said, and why. */
export type Verdict =
  | {
      readonly state: DeviceState;
      readonly pending?: undefined;
      readonly message?: string;
      /** Where the device connects to, as the cloud said. */
      readonly endpoint?: string;
    }
  | {
      readonly state?: undefined;
      readonly pending: PendingReason;
      readonly message: string;
      /** The cloud refused it, and it may be the device's own fault. */
      readonly doubtful?: true;
      /** Whether it says that the cloud had no room for the device, perhaps had none, or had no time. */
      readonly pace?: "refused" | "perhaps" | "late";
    };

const LEFT_OUT = { pending: "NoAnswer", message: "the cloud's answer left the device out" } as const;

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
    return LEFT_OUT;
  }
  if (answer.outcome === "provisioned") {
    if (policyExpected && !answer.policyApplied) {
      return {
        pending: "PolicyMissing",
        // v1 says so when it was throttled while it asked for the policy.
        pace: "refused",
        message:
          "the cloud knows the certificate but attached no IoT policy to it; check the callee's IOT_POLICY",
      };
    }
    return answer.endpoint === undefined
      ? { state: PROVISIONED }
      : { state: PROVISIONED, endpoint: answer.endpoint };
  }
  if (isBusy(answer)) return busy(answer);
  if (!answer.retryable) return { state: failed(REASONS[answer.code]), message: answer.message };
  if (refusals + 1 >= UNCERTAIN_REFUSALS) {
    return { state: failed(REASONS[answer.code]), message: answer.message };
  }
  const { message } = answer;
  return answer.hiddenThrottle
    ? { pending: "CloudBusy", message, doubtful: true, pace: "perhaps" }
    : { pending: "CloudRefused", message, doubtful: true };
}

/**
 * What one certificate's answer to `deprovision` means. Whether it was there or not, it is out now; one that
 * the cloud cannot even read or name was never in. Nothing else counts as out, however often it is refused.
 */
export function judgeRemoval(answer: DeprovisionAnswer | undefined): Verdict {
  if (answer === undefined) return LEFT_OUT;
  if (answer.outcome === "removed" || NEVER_IN.has(answer.code)) return { state: REMOVED };
  if (isBusy(answer)) return busy(answer);
  return { pending: "CloudRefused", message: answer.message, doubtful: true };
}

const NEVER_IN: ReadonlySet<RefusalCode> = new Set([
  "CertificateUndecodable",
  "SerialUnusable",
  "NameUnusable",
  "ThumbprintFailed",
]);

/** The callee says in as many words that it is not the device: however often, that is no failure of it. */
function isBusy({ code }: Refusal): boolean {
  return code === "Throttled" || code === "OutOfTime";
}

function busy({ code, message }: Refusal): Verdict {
  return { pending: "CloudBusy", message, pace: code === "OutOfTime" ? "late" : "refused" };
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
