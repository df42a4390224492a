import { crc32 } from "node:zlib";
import { ManifestError } from "../../errors.ts";
import { type PackedFile, readPacked } from "../packed-file.ts";

/** The first bytes of every .7z file (7zFormat.txt of the LZMA SDK). */
export const SIGNATURE = Buffer.from("377abcaf271c", "hex");

const START_HEADER_BYTES = 32;
/** The method id of AES in a coder's description. */
const AES = Buffer.from("06f10701", "hex");
const ENCODED_HEADER = 0x17;
/** The part of an encoded header that describes it: pack sizes, coders, sizes. */
const MAX_ENCODED_HEADER_BYTES = 64 * 1024;

/**
 * Checks what the archive says about itself before anything of it is unpacked: that it is whole, and that
 * its list of files can be read without a password.
 * @throws ManifestError ArchiveUnreadable, PasswordRequired
 */
export async function checkStartHeader(file: PackedFile): Promise<void> {
  const start = await readPacked(file, 0, START_HEADER_BYTES);
  if (start.length < START_HEADER_BYTES) throw truncated();
  if (crc32(start.subarray(12)) !== start.readUInt32LE(8)) {
    throw unreadable("its start header is damaged");
  }
  const offset = start.readBigUInt64LE(12);
  const length = start.readBigUInt64LE(20);
  const end = BigInt(START_HEADER_BYTES) + offset + length;
  if (end > BigInt(file.bytes)) throw truncated(end - BigInt(file.bytes));
  if (length === 0n) return;
  const wanted = Math.min(Number(length), MAX_ENCODED_HEADER_BYTES);
  const header = await readPacked(file, START_HEADER_BYTES + Number(offset), wanted);
  if (header[0] === ENCODED_HEADER && header.includes(AES)) throw passwordRequired();
}

export function passwordRequired(): ManifestError {
  return new ManifestError(
    "PasswordRequired",
    "the archive is protected by a password: unpack it, and use the CSV or an archive without a password as the manifest",
  );
}

export function unreadable(why: string): ManifestError {
  return new ManifestError(
    "ArchiveUnreadable",
    `the .7z archive cannot be unpacked: ${why}. Fetch or upload it anew`,
  );
}

function truncated(missing?: bigint): ManifestError {
  return unreadable(`it is truncated${missing === undefined ? "" : `, ${missing} bytes are missing`}`);
}
