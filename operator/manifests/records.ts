import type { ArchiveContent, ArchiveFile, ReadChoice } from "./formats/port.ts";

/** Why one entry of a manifest is quarantined; the others go on without it. */
export const REFUSAL_REASONS = [
  "RowUnreadable",
  "SignerUnknown",
  "SignerNotValid",
  "SignatureInvalid",
  "NoCertificate",
  "MissingDeviceId",
  "InvalidDeviceId",
  "WrongGroup",
  "CertificateUnreadable",
  "ChainInsteadOfLeaf",
  "NotALeaf",
  "InvalidSerial",
  "UnsupportedKey",
  "WeakKey",
  "CertificateExpired",
  "CertificateNotYetValid",
  "DuplicateCertificate",
  "DuplicateDevice",
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/**
 * One entry of a manifest. `ordinal` counts the entries from 0, refused ones too, so that it is the same at
 * every reading of the same bytes; `row` is the line on which the entry begins, the first line being 1.
 */
export type ManifestRecord = DeviceRecord | RefusedRecord;

export interface DeviceRecord {
  kind: "device";
  ordinal: number;
  row: number;
  deviceId: string;
  der: Uint8Array;
  /** SHA-256 of the DER, hex in lower case. */
  fingerprint: string;
  /** Hex in upper case. */
  serial: string;
  issuer: string;
  notAfter: Date;
  /** E.g. `P-256`, `RSA-2048`. */
  keyType: string;
}

export interface RefusedRecord {
  kind: "refused";
  ordinal: number;
  row: number;
  /** Where it could be read; printable and at most 128 characters, as in a DeviceRecord. */
  deviceId?: string;
  reason: RefusalReason;
  message: string;
}

export interface ManifestSummary {
  sha256: string;
  /** All entries: `devices` and `refused`. */
  records: number;
  devices: number;
  refused: number;
  /** The first ten. */
  firstRefused: { row: number; device?: string; reason: string; message: string }[];
  /** The first 17 of each. */
  issuers: string[];
  keyTypes: string[];
  /** RFC 3339. */
  earliestExpiry?: string;
  format: string;
  /** Serial numbers that more than one accepted device bears. */
  collidingSerials: ReadonlySet<string>;
}

/** A manifest file on this machine; its bytes do not change while it is held. */
export interface StoredManifest {
  /** Hex in lower case. */
  readonly sha256: string;
  readonly path: string;
  readonly bytes: number;
  /** Lets the file go; without it, it stays in the cache for good. Safe to call twice. */
  release(): Promise<void>;
  /** Removes the file at once, whoever holds it: it holds what must not be kept. */
  discard?(): Promise<void>;
  /** Where it is an archive: its content, unpacked once for all who read it. */
  unpacked?(open: OpenArchive, signal: AbortSignal): Promise<UnpackedArchive>;
}

export type OpenArchive = (signal: AbortSignal) => Promise<ArchiveContent & AsyncDisposable>;

/** The content of an archive in one file: its files' bytes, one after the other. */
export interface UnpackedArchive {
  readonly path: string;
  readonly files: readonly ArchiveFile[];
  /** Lets the file go. Safe to call twice. */
  release(): Promise<void>;
}

export interface ReadLimits {
  /** Bytes of one entry. */
  maxRecordBytes: number;
  /** Bytes of the whole content, unpacked. */
  maxContentBytes: number;
  /** How many times larger than its archive the content may be; counts from 16 MiB of content on. */
  maxRatio: number;
  /** Memory for unpacking an archive; in effect the largest LZMA dictionary that can be read. */
  maxUnpackMemoryBytes: number;
  /** How long unpacking may go without yielding a byte. */
  unpackIdleMs: number;
  /** Serial numbers that several devices bear; they are remembered one by one. */
  maxCollidingSerials: number;
}

export const DEFAULT_LIMITS: ReadLimits = {
  maxRecordBytes: 64 * 1024,
  maxContentBytes: 4 * 1024 ** 3,
  maxRatio: 200,
  maxUnpackMemoryBytes: 384 * 1024 ** 2,
  unpackIdleMs: 60_000,
  maxCollidingSerials: 100_000,
};

export interface ReadOptions extends ReadChoice {
  /** The reel's batch id: an entry's group_id has to be it, in any case. */
  batchId: string;
  /** Decides what has expired and what is not valid yet. */
  now: Date;
  /** As in `spec.manifest.format`; found from the content unless given. */
  format?: string;
  limits?: Partial<ReadLimits>;
}
