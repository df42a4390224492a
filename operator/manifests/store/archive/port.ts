import type { StoredManifest } from "../../records.ts";

/**
 * Where validated manifests are kept by digest for as long as whoever runs the operator wants: a reel may go into
 * another cloud years after its source has gone. Nothing is ever removed from it here.
 */
export interface ManifestArchive {
  /** For messages. */
  readonly where: string;
  /** Whether a manifest is there, whole as far as its size tells. */
  has(manifest: Pick<StoredManifest, "sha256" | "bytes">, signal: AbortSignal): Promise<boolean>;
  /** Puts a manifest there, as a whole or not at all. */
  put(manifest: Pick<StoredManifest, "sha256" | "bytes" | "path">, signal: AbortSignal): Promise<void>;
  /** A manifest's bytes; undefined where it is not there. */
  get(sha256: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  close(): Promise<void>;
}
