import { S3Client } from "@aws-sdk/client-s3";
import type { Dispatcher } from "undici";
import { ManifestError } from "../errors.ts";
import { readOrRefuse, textOf } from "./credentials.ts";
import type { ReadSecret } from "./port.ts";
import { sdkHandler } from "./s3-handler.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3ClientOptions {
  /** From the operator's environment unless given. */
  readonly region?: string;
  /** Where it is not AWS: the bucket is then named in the path. */
  readonly endpoint?: string;
  /** The operator's own identity, as the AWS SDK finds it, unless given. */
  readonly credentials?: S3Credentials;
  readonly dispatcher: Dispatcher;
  readonly idleMs: number;
}

/** The AWS SDK's client for S3, whose requests go through a dispatcher. */
export function createS3Client(options: S3ClientOptions): S3Client {
  const { region, endpoint, credentials, dispatcher, idleMs } = options;
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    requestHandler: { ...sdkHandler(dispatcher, idleMs) },
    // Digests are computed here, over whole files and not over the parts of them.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/**
 * The credentials in a Secret: `accessKeyId`, `secretAccessKey`, and `sessionToken` where they are temporary.
 * @throws ManifestError SourceUnavailable, or what `read` throws of that kind
 */
export async function s3CredentialsOf(
  name: string,
  read: ReadSecret,
  signal: AbortSignal,
): Promise<S3Credentials> {
  const secret = await readOrRefuse(name, read, signal);
  const [accessKeyId, secretAccessKey] = [textOf(secret, "accessKeyId"), textOf(secret, "secretAccessKey")];
  const sessionToken = textOf(secret, "sessionToken");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ManifestError(
      "SourceUnavailable",
      `Secret "${name}" cannot be used: it needs the keys accessKeyId and secretAccessKey`,
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
