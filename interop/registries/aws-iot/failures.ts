import { COLLISION_MESSAGES } from "../../protocol/messages.ts";
import { type EntryCode, type RefusedEntry, refused } from "../../protocol/refusals.ts";

/** Why a certificate is refused; the code decides what the caller does. */
export class Refusal extends Error {
  override readonly name: string = "Refusal";
  readonly code: EntryCode;

  constructor(code: EntryCode, why: string) {
    super(why);
    this.code = code;
  }
}

/** A call to AWS IoT that failed. Of AWS's error only the name is kept: its text may hold names and ARNs. */
export class CallFailed extends Refusal {
  override readonly name = "CallFailed";
  /** As IAM spells it, without `iot:`. */
  readonly action: string;
  /** The name of AWS's error, or of the SDK's. */
  readonly error: string;

  constructor(action: string, error: string, code: EntryCode) {
    super(code, `${action}: ${error}`);
    this.action = action;
    this.error = error;
  }
}

/**
 * What each error of AWS means for the certificate at hand. From the service model of AWS IoT (errors of the
 * operations that are called) and AWS's common errors
 * (docs.aws.amazon.com/iot/latest/apireference/CommonErrors.html). What is not here is decided by HTTP status.
 */
export const ERROR_CODES: Readonly<Record<string, EntryCode>> = {
  Throttling: "Throttled",
  ThrottlingException: "Throttled",
  ThrottledException: "Throttled",
  TooManyRequestsException: "Throttled",
  RequestLimitExceeded: "Throttled",

  // Of attached policies, of things in a group, of certificates: 410, and no rate.
  LimitExceededException: "QuotaExceeded",
  ServiceQuotaExceededException: "QuotaExceeded",

  AccessDenied: "NotPermitted",
  AccessDeniedException: "NotPermitted",
  UnauthorizedException: "NotPermitted",
  NotAuthorized: "NotPermitted",
  OptInRequired: "NotPermitted",
  UnrecognizedClientException: "NotPermitted",
  InvalidClientTokenId: "NotPermitted",
  InvalidSignatureException: "NotPermitted",
  IncompleteSignature: "NotPermitted",
  SignatureDoesNotMatch: "NotPermitted",
  MissingAuthenticationToken: "NotPermitted",
  MissingAuthenticationTokenException: "NotPermitted",
  ExpiredToken: "NotPermitted",
  ExpiredTokenException: "NotPermitted",
  CredentialsProviderError: "NotPermitted",

  // AWS IoT takes no such certificate (its key or signature algorithm, say), now or later.
  CertificateValidationException: "CertificateUndecodable",

  InternalFailure: "RegistrationFailed",
  InternalFailureException: "RegistrationFailed",
  ServiceUnavailable: "RegistrationFailed",
  ServiceUnavailableException: "RegistrationFailed",
  InvalidRequestException: "RegistrationFailed",
  ResourceNotFoundException: "RegistrationFailed",
  ResourceAlreadyExistsException: "RegistrationFailed",
  CertificateStateException: "RegistrationFailed",
  CertificateConflictException: "RegistrationFailed",
  DeleteConflictException: "RegistrationFailed",
  VersionConflictException: "RegistrationFailed",
  ConflictingResourceUpdateException: "RegistrationFailed",
  TimeoutError: "RegistrationFailed",
  RequestTimeout: "RegistrationFailed",
};

interface AwsError {
  readonly name: string;
  readonly message: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: { readonly throttling?: boolean };
}

/** @param aborted whether the call's signal has fired */
export function callFailed(action: string, cause: unknown, aborted: boolean): CallFailed {
  const error: AwsError = cause instanceof Error ? cause : { name: "unknown", message: "" };
  return new CallFailed(action, error.name, aborted ? "OutOfTime" : codeOf(error));
}

function codeOf({ name, message, $metadata, $retryable }: AwsError): EntryCode {
  const status = $metadata?.httpStatusCode;
  const known = Object.hasOwn(ERROR_CODES, name) ? ERROR_CODES[name] : undefined;
  if (status === 429 || $retryable?.throttling === true) return "Throttled";
  if (known === "QuotaExceeded" && /\brate\b|throttl/i.test(message)) return "Throttled";
  if (known !== undefined) return known;
  return status === 401 || status === 403 ? "NotPermitted" : "RegistrationFailed";
}

/** The entry of a certificate for which `error` was thrown. */
export function refusalEntry(ref: string, error: unknown, signal: AbortSignal): RefusedEntry {
  const otherwise = signal.aborted ? "OutOfTime" : "RegistrationFailed";
  const code = error instanceof Refusal ? error.code : otherwise;
  return refused(ref, code, code === "ExistsWithAnotherCertificate" ? COLLISION_MESSAGES.aws : undefined);
}

/** Nothing, where AWS answers with this error: it is one of the two answers that are counted on. */
export async function unless<T>(error: string, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof CallFailed && cause.error === error) return undefined;
    throw cause;
  }
}
