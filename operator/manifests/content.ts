import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { openSevenZip } from "./archives/seven-zip/archive.ts";
import { SIGNATURE } from "./archives/seven-zip/start-header.ts";
import { ManifestError } from "./errors.ts";
import type { ArchiveContent, Content } from "./formats/port.ts";
import { refuseKeyFile, searchedForKeys } from "./key-search.ts";
import type { ReadLimits, StoredManifest } from "./records.ts";

const HEAD_BYTES = 4096;

/**
 * Opens a stored manifest: an archive when its first bytes are an archive's, else its plain bytes. They are
 * searched for private keys as they pass by.
 * @throws ManifestError
 */
export async function openContent(
  manifest: StoredManifest,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<Content & AsyncDisposable> {
  const head = await headOf(manifest.path);
  if (head.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    const archive = await openArchive(manifest, limits, signal);
    const sizes = archive.files.map((file) => file.size);
    return { ...archive, bytes: (signal) => searchedForKeys(archive.bytes(signal), sizes) };
  }
  refuseKeyFile(head);
  return {
    kind: "plain",
    head,
    bytes: (signal) => searchedForKeys(createReadStream(manifest.path, { signal }), []),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** From the file that it was unpacked to, where there is a cache for that; else as it is unpacked. */
async function openArchive(
  manifest: StoredManifest,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<ArchiveContent & AsyncDisposable> {
  const open = (stop: AbortSignal): ReturnType<typeof openSevenZip> => openSevenZip(manifest, limits, stop);
  if (manifest.unpacked === undefined) return open(signal);
  const unpacked = await manifest.unpacked(open, signal);
  return {
    kind: "archive",
    files: unpacked.files,
    bytes: (stop) => createReadStream(unpacked.path, { signal: stop }),
    [Symbol.asyncDispose]: () => unpacked.release(),
  };
}

async function headOf(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw new ManifestError("SourceUnavailable", "the stored manifest is no longer there: fetch it anew", {
      transient: true,
      cause,
    });
  }
}
