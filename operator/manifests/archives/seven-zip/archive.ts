import { ManifestError } from "../../errors.ts";
import type { ArchiveContent } from "../../formats/port.ts";
import { byteSize } from "../../printable.ts";
import { containsPrivateKey } from "../../private-keys.ts";
import type { ReadLimits } from "../../records.ts";
import type { PackedFile } from "../packed-file.ts";
import type { ListedFile } from "./listing.ts";
import { passwordRequired } from "./start-header.ts";
import { UnpackThread } from "./thread.ts";

/** Below this much content the ratio says nothing: a few devices of one issuer pack well. */
const RATIO_FROM_BYTES = 16 * 1024 * 1024;
/** Of an archive that is no archive of certificates. */
export const MAX_FILES = 1000;

/**
 * Opens a .7z archive and lists it, in a thread of its own that ends with `close` or when `signal` aborts.
 * @throws ManifestError ArchiveUnreadable, PasswordRequired, ManifestTooLarge, NotAManifest, ContainsPrivateKey
 */
export async function openSevenZip(
  packed: PackedFile,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<ArchiveContent & AsyncDisposable> {
  const thread = await UnpackThread.start(packed, limits);
  try {
    const files: ListedFile[] = [];
    const tally = new Tally();
    for await (const listed of thread.listing(signal)) {
      tally.add(listed);
      files.push(...listed.slice(0, MAX_FILES - files.length));
    }
    if (tally.files === 0) throw new ManifestError("ManifestEmpty", "the archive holds no file");
    if (tally.holdsKeys) throw containsPrivateKey("the archive");
    if (tally.files > MAX_FILES) throw tooManyFiles(tally.files);
    tally.check(packed.bytes, limits);
    return {
      files,
      bytes: () => thread.bytes(tally.bytes, signal),
      [Symbol.asyncDispose]: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

export function tooManyFiles(files: number): ManifestError {
  return new ManifestError(
    "NotAManifest",
    `the archive holds ${files} files; one CSV or JSON file is expected`,
  );
}

/** Sums up what an archive lists, to judge it before anything is unpacked. */
export class Tally {
  files = 0;
  bytes = 0;
  encrypted = false;
  holdsKeys = false;

  add(listed: readonly ListedFile[]): void {
    this.files += listed.length;
    for (const { size, encrypted, holdsKeys } of listed) {
      this.bytes += size;
      this.encrypted ||= encrypted;
      this.holdsKeys ||= holdsKeys;
    }
  }

  /**
   * @param packedBytes of the archive
   * @throws ManifestError PasswordRequired; ManifestTooLarge for what is too large, or unpacks to too many times
   *   its size
   */
  check(packedBytes: number, limits: Pick<ReadLimits, "maxContentBytes" | "maxRatio">): void {
    if (this.encrypted) throw passwordRequired();
    const { bytes } = this;
    if (!Number.isSafeInteger(bytes) || bytes > limits.maxContentBytes) {
      throw new ManifestError(
        "ManifestTooLarge",
        `the archive holds ${byteSize(bytes)} unpacked; ${byteSize(limits.maxContentBytes)} are the most that is read`,
      );
    }
    if (bytes > RATIO_FROM_BYTES && bytes > packedBytes * limits.maxRatio) {
      throw new ManifestError(
        "ManifestTooLarge",
        `the archive unpacks to ${Math.round(bytes / packedBytes)} times its size; certificates do not pack like that, so it is taken for an archive bomb`,
      );
    }
  }
}
