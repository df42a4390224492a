/**
 * What archives in an archive are kept as: the files of the inner archives, one after the other, and nothing else
 * of the original, whose secrets are thus not there. The mark; then for each file the length of its name (2 bytes),
 * its size (4 bytes), its name and its bytes; then a description as JSON; then that one's length (4 bytes), and the
 * SHA-256 of all before (32 bytes). Numbers are unsigned, the lowest byte first.
 */
export const PREPARED_MARK = Buffer.from("certferry-prepared/1\n");

export const RECORD_HEAD_BYTES = 6;
/** In the place of a size: the file is known by its name only. */
export const NOT_KEPT = 0xff_ff_ff_ff;
export const LENGTH_BYTES = 4;
export const DIGEST_BYTES = 32;
/** A description is some hundred bytes for each inner archive. */
export const MAX_DESCRIPTION_BYTES = 1024 * 1024;

export interface Description {
  /** SHA-256 of the file that it was made of. */
  readonly original: string;
  readonly members: readonly DescribedMember[];
}

export interface DescribedMember {
  /** Of the inner archive; empty where the files stand in the manifest itself. */
  readonly name: string;
  readonly count: number;
  /** Where its records begin and end, in bytes from the beginning of the file. */
  readonly from: number;
  readonly to: number;
}
