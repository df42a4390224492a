import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ManifestError } from "../errors.ts";
import { byteSize } from "../printable.ts";
import { PrivateKeyScan } from "../private-keys.ts";
import type { StoredManifest } from "../records.ts";
import type { OpenedSource } from "../sources/port.ts";
import { Arrival, type ArrivalOptions } from "./arrival.ts";
import type { FileCache } from "./cache.ts";

/** A download that broke off is tried so often in all. */
const TRIES = 3;

export interface SpoolOptions {
  maxManifestBytes: number;
  sha256?: string;
  retryPauseMs: number;
  /** How archives are taken in; without it they are kept as they are. */
  archives?: ArrivalOptions;
}

/**
 * Writes a source's bytes into the cache, and holds the file. Nothing stays of a file that is too large,
 * has another digest than the one expected, or holds a private key.
 * @throws ManifestError
 */
export async function spool(
  source: OpenedSource,
  cache: FileCache,
  options: SpoolOptions,
  signal: AbortSignal,
): Promise<StoredManifest> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await spoolOnce(source, cache, options, signal);
    } catch (error) {
      if (!(error instanceof ManifestError && error.broken) || attempt === TRIES) throw error;
    }
    await delay(options.retryPauseMs * attempt, undefined, { signal });
  }
}

async function spoolOnce(
  source: OpenedSource,
  cache: FileCache,
  options: SpoolOptions,
  signal: AbortSignal,
): Promise<StoredManifest> {
  const hash = createHash("sha256");
  const scan = new PrivateKeyScan();
  let bytes = 0;
  await using file = new Arrival(cache, options.archives);
  for await (const chunk of source.bytes(signal)) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > options.maxManifestBytes) throw tooLarge(source, options.maxManifestBytes);
    scan.push(chunk);
    hash.update(chunk);
    await file.write(chunk);
  }
  const sha256 = hash.digest("hex");
  if (options.sha256 !== undefined && sha256 !== options.sha256) {
    throw digestMismatch(source, options.sha256, sha256);
  }
  return await file.keep(sha256, signal);
}

function tooLarge(source: OpenedSource, max: number): ManifestError {
  return new ManifestError(
    "ManifestTooLarge",
    `${source.where} is larger than ${byteSize(max)}, the most that is fetched`,
  );
}

function digestMismatch(source: OpenedSource, expected: string, actual: string): ManifestError {
  return new ManifestError(
    "DigestMismatch",
    `${source.where} has the SHA-256 ${actual}; spec.manifest.sha256 says ${expected}. Either the file was changed or damaged, or the digest is another file's`,
  );
}
