import type { ReadLimits, RefusalReason } from "../records.ts";

/** A manifest's content as a format sees it: the bytes of one file, or the files of archives in an archive. */
export type Content = PlainContent | NestedContent;

/** One file, by itself or out of an archive. */
export interface PlainContent {
  readonly kind: "plain";
  /** The first bytes, some KiB at most. */
  readonly head: Buffer;
  /** From the beginning, once. */
  bytes(signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Archives within an archive, each of files; those that hold secrets are not among them. */
export interface NestedContent {
  readonly kind: "nested";
  readonly members: readonly NestedMember[];
}

export interface NestedMember {
  /** The inner archive's name; empty where the files stand in the manifest itself. */
  readonly name: string;
  /** How many files it holds. */
  readonly count: number;
  /** Its files in their order, some at a time. */
  files(signal: AbortSignal): AsyncIterable<readonly NestedFile[]>;
}

export interface NestedFile {
  /** Printable, and cut where it is long. */
  readonly name: string;
  /** Undefined where the file is none of the format's, or too large: its bytes were not kept. */
  readonly bytes: Buffer | undefined;
}

/** What an archive holds, without its bytes. */
export interface ArchiveContent {
  readonly files: readonly ArchiveFile[];
  /** The files' bytes, one after the other in the order of `files`. */
  bytes(signal: AbortSignal): AsyncIterable<Buffer>;
}

export interface ArchiveFile {
  /** Printable; only to tell files apart and to name them in messages. */
  readonly name: string;
  readonly size: number;
}

/**
 * One entry as it stands in the file: not yet checked, or refused by what only its format knows.
 * `groupId` is undefined where the format has no groups.
 */
export type Entry =
  | { row: number; deviceId: string; groupId: string | undefined; certificate: string }
  | { row: number; unreadable: string }
  | { row: number; deviceId: string; refused: RefusalReason; message: string };

/** What a reading asks for beyond the entries themselves. */
export interface ReadChoice {
  /** Which certificate of each device, where it has several; the format's own default without it. */
  readonly certificateSlot?: string | undefined;
  /** Certificates in PEM of whom entries must be signed by, where the format signs them. */
  readonly signers?: string | undefined;
}

/** One vendor's way to write a manifest. A new one is a folder beside this file and a line in registry.ts. */
export interface ManifestFormat {
  /** As in `spec.manifest.format`. */
  readonly name: string;
  /** What it is, in words that follow "the file looks like". */
  readonly looksLike: string;
  /** Whether it can be this format, from the content alone. */
  accepts(content: Content): boolean;
  /** Whether its entries are signed, and verified where a reading is given signers. */
  readonly signed?: true;
  /** Where this format is of archives in an archive: which parts of the outer one it is made of. */
  readonly nesting?: Nesting;
  /**
   * The entries, some at a time, in the order of the file.
   * @throws ManifestError when the content is not what it seemed, too large, or lacks what `choice` asks for
   */
  entries(
    content: Content,
    limits: ReadLimits,
    signal: AbortSignal,
    choice?: ReadChoice,
  ): AsyncGenerator<readonly Entry[]>;
}

/** How archives in an archive are known, and what of them may be kept. All from names. */
export interface Nesting {
  /** Whether a file of the outer archive is an inner archive of certificates. */
  isMember(name: string): boolean;
  /** Whether a file of the outer archive holds secrets, which are left where they are. */
  isSecret(name: string): boolean;
  /** Whether a file of an inner archive can be a certificate; of others the name alone is kept. */
  isCertificate(name: string): boolean;
}
