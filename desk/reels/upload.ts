import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { ManifestSource } from "../../crds/index.ts";
import type { EgressPolicy } from "../../operator/manifests/index.ts";
import { createS3Client } from "../../operator/manifests/sources/s3-client.ts";

/** An upload that did not come about; the message is for people, and holds no credentials. */
export class UploadError extends Error {
  override readonly name = "UploadError";
}

const IDLE_MS = 30_000;
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
  const body = createReadStream(file);
  try {
    const { size } = await stat(file);
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentLength: size, IfNoneMatch: "*" }),
      { abortSignal: signal },
    );
  } catch (cause) {
    signal.throwIfAborted();
    throw new UploadError(`s3://${bucket}/${key} cannot be written: ${reasonOf(cause)}`, { cause });
  } finally {
    body.destroy();
    client.destroy();
    await dispatcher.close();
  }
}

/** By the error's name: its message may quote a request with its signature. */
function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "unknown";
  switch (name) {
    case "CredentialsProviderError":
      return "no AWS credentials were found (AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, aws sso login)";
    case "PreconditionFailed":
    case "ConditionalRequestConflict":
      return "there is an object of that key already; give another key";
    case "AccessDenied":
      return "your AWS identity may not (s3:PutObject)";
    case "NoSuchBucket":
      return "there is no such bucket in that region";
    default:
      return name;
  }
}
