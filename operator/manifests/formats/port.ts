import type { ReadLimits } from "../records.ts";

/** A file's content as a format sees it: bytes, or an archive of files. */
export type Content = PlainContent | ArchiveContent;

export interface PlainContent {
  readonly kind: "plain";
  /** The first bytes, some KiB at most. */
  readonly head: Buffer;
  bytes(signal: AbortSignal): AsyncIterable<Buffer>;
}

export interface ArchiveContent {
  readonly kind: "archive";
  readonly files: readonly ArchiveFile[];
  /** The files' bytes, one after the other in the order of `files`. */
  bytes(signal: AbortSignal): AsyncIterable<Buffer>;
}

export interface ArchiveFile {
  /** Printable; only to tell files apart and to name them in messages. */
  readonly name: string;
  readonly size: number;
}

/** One entry as it stands in the file, not yet checked. */
export type Entry =
  | { row: number; deviceId: string; groupId: string; certificate: string }
  | { row: number; unreadable: string };

/** One vendor's way to write a manifest. A new one is a folder beside this file and a line in registry.ts. */
export interface ManifestFormat {
  /** As in `spec.manifest.format`. */
  readonly name: string;
  /** Whether it can be this format, from the content alone. */
  accepts(content: Content): boolean;
  /**
   * The entries, some at a time, in the order of the file.
   * @throws ManifestError when the content is not what it seemed, or too large
   */
  entries(content: Content, limits: ReadLimits, signal: AbortSignal): AsyncGenerator<readonly Entry[]>;
}
