/** Why a manifest as a whole cannot be used; what is wrong with one device of it is a RefusalReason. */
export const MANIFEST_ERROR_REASONS = [
  "SourceUnavailable",
  "SourceNotAllowed",
  "DigestMismatch",
  "NotAManifest",
  "ArchiveUnreadable",
  "PasswordRequired",
  "ManifestTooLarge",
  "ManifestEmpty",
  "ContainsPrivateKey",
  "CacheFull",
  "InvalidSigners",
  "SlotNotFound",
] as const;

export type ManifestErrorReason = (typeof MANIFEST_ERROR_REASONS)[number];

const NOT_OF_CONTENT: ReadonlySet<ManifestErrorReason> = new Set(["InvalidSigners", "SlotNotFound"]);

/**
 * A manifest could not be had or read. The message says what was wrong, where, and what to do, and never
 * holds anything of the manifest's content, credentials, or the query of an address.
 */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
  readonly reason: ManifestErrorReason;
  /** It may go well at the next try without anybody doing anything. */
  readonly transient: boolean;
  /** The download broke off on its way: trying again at once makes sense. */
  readonly broken: boolean;

  constructor(
    reason: ManifestErrorReason,
    message: string,
    options: { transient?: boolean; broken?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.reason = reason;
    this.transient = options.transient ?? false;
    this.broken = options.broken ?? false;
  }

  /** The file is to blame, and will be as long as it is this one: not the way to it, nor what was asked of it. */
  get isOfContent(): boolean {
    return !this.transient && !NOT_OF_CONTENT.has(this.reason);
  }
}
