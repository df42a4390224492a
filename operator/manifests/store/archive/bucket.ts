import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { ManifestError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { EgressPolicy } from "../../sources/port.ts";
import { resumed } from "../../sources/resume.ts";
import { createS3Client } from "../../sources/s3-client.ts";
import { asS3Error, statusOf } from "../../sources/s3-errors.ts";
import { s3Part } from "../../sources/s3.ts";
import type { ManifestArchive } from "./port.ts";

/** What one PutObject takes. */
const MOST_BYTES = 5 * 1024 ** 3;
const PAUSE_MS = 500;

export interface BucketOptions {
  readonly bucket: string;
  /** Without a slash at its ends; empty for none. */
  readonly prefix: string;
  /** Where it is not AWS. */
  readonly endpoint?: string;
  readonly egress: EgressPolicy;
  /** How long the service may be silent; 30 s unless given. */
  readonly idleMs?: number;
}

/** An archive in an S3 bucket, with the identity and region that the operator's environment gives. */
export function bucketArchive(options: BucketOptions): ManifestArchive {
  const { bucket, prefix, endpoint, idleMs = 30_000 } = options;
  const dispatcher = options.egress.dispatcher();
  const client = createS3Client({ ...(endpoint === undefined ? {} : { endpoint }), dispatcher, idleMs });
  const keyOf = (sha256: string): string => (prefix === "" ? sha256 : `${prefix}/${sha256}`);
  const where = `s3://${printable(prefix === "" ? bucket : `${bucket}/${prefix}`, 200)}`;
  return {
    where,
    async has({ sha256, bytes }, signal) {
      const head = new HeadObjectCommand({ Bucket: bucket, Key: keyOf(sha256) });
      try {
        const { ContentLength } = await client.send(head, { abortSignal: signal });
        return ContentLength === bytes;
      } catch (cause) {
        signal.throwIfAborted();
        if (statusOf(cause) === 404) return false;
        throw asS3Error(cause, where, idleMs);
      }
    },
    async put({ sha256, path, bytes }, signal) {
      if (bytes > MOST_BYTES) {
        throw new ManifestError("ManifestTooLarge", `${where} takes manifests of 5 GiB at most`);
      }
      const digest = createHash("sha256");
      await pipeline(createReadStream(path), digest, { signal });
      const body = createReadStream(path, { highWaterMark: 256 * 1024 });
      const put = new PutObjectCommand({
        Bucket: bucket,
        Key: keyOf(sha256),
        Body: body,
        ContentLength: bytes,
        // The service checks it, and takes the whole or nothing.
        ChecksumSHA256: digest.digest("base64"),
      });
      try {
        await client.send(put, { abortSignal: signal });
      } catch (cause) {
        signal.throwIfAborted();
        throw asS3Error(cause, where, idleMs);
      } finally {
        body.destroy();
      }
    },
    async get(sha256, signal) {
      const object = { client, bucket, key: keyOf(sha256), where, idleMs, signal };
      const first = await s3Part(object, undefined).catch((cause: unknown) => {
        if (cause instanceof ManifestError && statusOf(cause.cause) === 404) return undefined;
        throw cause;
      });
      if (first === undefined) return undefined;
      return resumed(
        (position) => (position === undefined ? Promise.resolve(first) : s3Part(object, position)),
        { where, pauseMs: PAUSE_MS },
        signal,
      );
    },
    async close() {
      client.destroy();
      await dispatcher.destroy();
    },
  };
}
