import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { HttpOptions } from "./http.ts";
import { dispatcherFor } from "./http.ts";
import type { OpenedSource, SourceOf } from "./port.ts";
import { changed, type Part, type Position, resumed } from "./resume.ts";
import { createS3Client, s3CredentialsOf } from "./s3-client.ts";
import { asS3Error, statusOf } from "./s3-errors.ts";

/**
 * An object in S3, or in a store that speaks its protocol. It is read with the Secret's credentials, or the operator's
 * own identity, which goes to AWS and nowhere else. A download that breaks off goes on in the same version.
 */
export function s3Source(source: SourceOf<"s3">, options: HttpOptions): OpenedSource {
  const { bucket, key, region, endpoint, secretRef } = source;
  const where = `s3://${printable(bucket, 63)}/${printable(key, 200)}`;
  return {
    where,
    async *bytes(signal) {
      if (endpoint !== undefined && secretRef === undefined) {
        throw new ManifestError(
          "SourceNotAllowed",
          `${where} at another endpoint needs a Secret (secretRef): the operator's own identity is for AWS alone`,
        );
      }
      const credentials =
        secretRef === undefined
          ? undefined
          : await s3CredentialsOf(secretRef.name, options.readSecret, signal);
      const dispatcher = dispatcherFor(options.egress, undefined, where);
      const client = createS3Client({
        region,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(credentials === undefined ? {} : { credentials }),
        dispatcher,
        idleMs: options.idleMs,
      });
      const object = { client, bucket, key, where, idleMs: options.idleMs, signal };
      try {
        yield* resumed(
          (position) => s3Part(object, position),
          { where, pauseMs: options.retryPauseMs ?? 500 },
          signal,
        );
      } finally {
        client.destroy();
        await dispatcher.destroy();
      }
    },
  };
}

export interface S3Object {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  /** For messages. */
  readonly where: string;
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * An object, or its rest from a position.
 * @throws ManifestError
 */
export async function s3Part(object: S3Object, position: Position | undefined): Promise<Part> {
  const { client, bucket, key, where, idleMs, signal } = object;
  try {
    const { Body, ETag, VersionId, ContentLength, ContentRange } = await client.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, ...rangeOf(position) }),
      { abortSignal: signal },
    );
    const [, from = "0", total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "") ?? [];
    const size = total === undefined ? ContentLength : Number(total);
    if (position !== undefined && total === undefined && ContentRange !== undefined) throw changed(where);
    const version = ETag === undefined ? undefined : JSON.stringify([ETag, VersionId ?? null]);
    const bytes = bodyOf(Body as unknown as AsyncIterable<Buffer>, object);
    return { from: Number(from), version, total: size, bytes };
  } catch (cause) {
    signal.throwIfAborted();
    if (position !== undefined && [412, 416].includes(statusOf(cause) ?? 0)) throw changed(where);
    throw asS3Error(cause, where, idleMs);
  }
}

function rangeOf(position: Position | undefined): { Range?: string; IfMatch?: string; VersionId?: string } {
  if (position === undefined) return {};
  const [etag, versionId] = JSON.parse(position.version) as [string, string | null];
  const version = versionId === null ? {} : { VersionId: versionId };
  return { Range: `bytes=${position.offset}-`, IfMatch: etag, ...version };
}

async function* bodyOf(body: AsyncIterable<Buffer>, object: S3Object): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (cause) {
    object.signal.throwIfAborted();
    throw asS3Error(cause, object.where, object.idleMs);
  }
}
