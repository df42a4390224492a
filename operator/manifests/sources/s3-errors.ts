import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import { asManifestError } from "./http-errors.ts";

const MEANING: Readonly<Record<string, string>> = {
  NoSuchKey: "the object is not there",
  NotFound: "the object is not there",
  NoSuchVersion: "this version of the object is not there any more",
  NoSuchBucket: "the bucket is not there",
  AccessDenied:
    "access is denied: the credentials need s3:GetObject on the object (without s3:ListBucket, an object that is missing looks the same)",
  Forbidden: "access is denied",
  InvalidAccessKeyId: "the access key is not known there (secretRef)",
  SignatureDoesNotMatch: "the secret access key is wrong (secretRef)",
  ExpiredToken: "the session token has expired (secretRef)",
  InvalidObjectState: "the object is archived (Glacier) and has to be restored first",
  PermanentRedirect: "the bucket is in another region",
  AuthorizationHeaderMalformed: "the bucket is in another region",
  IllegalLocationConstraintException: "the bucket is in another region",
};

/** An error of the S3 client, in words. @param idleMs how long the service may be silent */
export function asS3Error(cause: unknown, where: string, idleMs: number): ManifestError {
  if (cause instanceof ManifestError) return cause;
  const status = statusOf(cause);
  const name = cause instanceof Error ? cause.name : "";
  if (name === "CredentialsProviderError") {
    return new ManifestError(
      "SourceUnavailable",
      `${where} cannot be read: the operator has no AWS identity of its own; give a Secret (secretRef), or the operator a role`,
      { transient: true, cause },
    );
  }
  // An answer of the service; what broke before there was one has none.
  if (status === undefined || MEANING[name] === undefined) {
    if (status === undefined || status < 300) return asManifestError(cause, where, idleMs);
    const transient = status === 404 || status === 408 || status === 429 || status >= 500;
    const message = `${where} cannot be read: the service answered ${status} (${printable(name, 64)})`;
    return new ManifestError("SourceUnavailable", message, { transient, cause });
  }
  return new ManifestError("SourceUnavailable", `${where} cannot be read: ${MEANING[name]}`, {
    transient: status === 404 || name === "InvalidObjectState" || name === "ExpiredToken",
    cause,
  });
}

/** The status of the answer that an SDK's error is of. */
export function statusOf(cause: unknown): number | undefined {
  if (typeof cause !== "object" || cause === null || !("$metadata" in cause)) return undefined;
  const { httpStatusCode } = cause.$metadata as { httpStatusCode?: number };
  return httpStatusCode;
}
