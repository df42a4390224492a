import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { ManifestSource } from "../../crds/index.ts";
import type { EgressPolicy } from "../../operator/manifests/index.ts";
import { printable } from "../../operator/manifests/printable.ts";
import { connectionTrouble } from "../../operator/manifests/sources/http-errors.ts";
import { createS3Client } from "../../operator/manifests/sources/s3-client.ts";
import { statusOf } from "../../operator/manifests/sources/s3-errors.ts";

/** An upload that did not come about; the message is for people, and holds no credentials. */
export class UploadError extends Error {
  override readonly name = "UploadError";
  /** Whether there is something at that place already, which stays as it is. */
  readonly taken: boolean;

  constructor(message: string, options: ErrorOptions & { taken: boolean }) {
    super(message, options);
    this.taken = options.taken;
  }
}

const IDLE_MS = 30_000;
const TAKEN: ReadonlySet<string> = new Set(["PreconditionFailed", "ConditionalRequestConflict"]);
const EXISTS = "there is an object of that key already; give another key";
const ELSEWHERE = "the bucket is in another region: --region";
const MEANING: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    "no AWS credentials were found (AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, aws sso login)",
  PreconditionFailed: EXISTS,
  ConditionalRequestConflict: EXISTS,
  AccessDenied: "your AWS identity may not (s3:PutObject)",
  InvalidAccessKeyId: "your AWS access key is not known there",
  SignatureDoesNotMatch: "your AWS secret access key is wrong",
  ExpiredToken: "your AWS session has expired: log in again",
  NoSuchBucket: "there is no such bucket in that region",
  PermanentRedirect: ELSEWHERE,
  AuthorizationHeaderMalformed: ELSEWHERE,
  IllegalLocationConstraintException: ELSEWHERE,
};
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Puts a manifest's file into a bucket, with the AWS identity of whoever runs this, and over nothing that is there.
 * @throws UploadError; the signal's reason when it aborts
 */
export async function uploadManifest(
  file: string,
  place: NonNullable<ManifestSource["s3"]>,
  egress: EgressPolicy,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, key, region, endpoint } = place;
  const dispatcher = egress.dispatcher();
  const client = createS3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    dispatcher,
    idleMs: IDLE_MS,
  });
  // Without a logger of its own the SDK writes to the console; what went wrong is said by who is asked.
  client.config.logger = SILENT;
  // Where the environment or a profile leads elsewhere, the operator would look for the file in vain.
  client.config.ignoreConfiguredEndpointUrls = true;
  const body = createReadStream(file);
  try {
    const { size } = await stat(file);
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentLength: size, IfNoneMatch: "*" }),
      { abortSignal: signal },
    );
  } catch (cause) {
    signal.throwIfAborted();
    const taken = cause instanceof Error && TAKEN.has(cause.name);
    throw new UploadError(`s3://${bucket}/${key} cannot be written: ${reasonOf(cause)}`, { cause, taken });
  } finally {
    body.destroy();
    client.destroy();
    await dispatcher.close();
  }
}

/** By the error's name: its message may quote a request with its signature. */
function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "unknown";
  const meaning = MEANING[name];
  if (meaning !== undefined) return meaning;
  const status = statusOf(error);
  if (status === undefined) return connectionTrouble(error, IDLE_MS).why;
  return `the service answered ${status} (${printable(name, 64)})`;
}
