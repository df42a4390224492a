import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { PREPARED_MARK } from "./archives/prepared/layout.ts";
import { openPrepared } from "./archives/prepared/read.ts";
import { openSevenZip } from "./archives/seven-zip/archive.ts";
import { SIGNATURE } from "./archives/seven-zip/start-header.ts";
import { ManifestError } from "./errors.ts";
import type { ArchiveContent, ArchiveFile, Content, PlainContent } from "./formats/port.ts";
import { refuseKeyFile, searchedForKeys } from "./key-search.ts";
import type { ReadLimits, StoredManifest } from "./records.ts";

const HEAD_BYTES = 4096;

/**
 * Opens a stored manifest: what archives in an archive were prepared to, the one manifest in an archive, or a
 * plain file. The bytes are searched for private keys as they pass by.
 * @throws ManifestError
 */
export async function openContent(
  manifest: StoredManifest,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<Content & AsyncDisposable> {
  const head = await headOf(manifest.path);
  if (startsWith(head, PREPARED_MARK)) return openPrepared(manifest.path, manifest.sha256);
  if (startsWith(head, SIGNATURE)) {
    return manifestIn(await openArchive(manifest, limits, signal), signal);
  }
  refuseKeyFile(head);
  return {
    kind: "plain",
    head,
    bytes: (signal) => searchedForKeys(createReadStream(manifest.path, { signal }), []),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function startsWith(head: Buffer, mark: Buffer): boolean {
  return head.subarray(0, mark.length).equals(mark);
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
    files: unpacked.files,
    bytes: (stop) => createReadStream(unpacked.path, { signal: stop }),
    [Symbol.asyncDispose]: () => unpacked.release(),
  };
}

/**
 * The one manifest among an archive's files. All of them are read, and searched for private keys.
 * @param archive goes with what is returned, or at once when that fails
 */
async function manifestIn(
  archive: ArchiveContent & AsyncDisposable,
  signal: AbortSignal,
): Promise<PlainContent & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  parts.use(archive);
  const { files } = archive;
  const file = manifestAmong(files);
  if (file === undefined) throw severalFiles(files);
  const from = files.slice(0, files.indexOf(file)).reduce((sum, { size }) => sum + size, 0);
  const sizes = files.map(({ size }) => size);
  const bytes = between(searchedForKeys(archive.bytes(signal), sizes), from, from + file.size);
  parts.defer(async () => void (await bytes.return(undefined)));
  // The beginning is read now, since the format is found from it, and handed out again with the rest.
  let head: Buffer = Buffer.alloc(0);
  while (head.length < Math.min(HEAD_BYTES, file.size)) {
    const next = await bytes.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const held = parts.move();
  return {
    kind: "plain",
    head: head.subarray(0, HEAD_BYTES),
    bytes: () => following(head, bytes),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The one file, or else the one whose name says that it is the manifest among others such as a README. */
function manifestAmong(files: readonly ArchiveFile[]): ArchiveFile | undefined {
  if (files.length === 1) return files[0];
  const named = files.filter((file) => /\.(?:csv|json)$/i.test(file.name));
  return named.length === 1 ? named[0] : undefined;
}

function severalFiles(files: readonly ArchiveFile[]): ManifestError {
  const names = files.slice(0, 3).map((file) => `"${file.name}"`);
  const more = files.length > names.length ? ", \u2026" : "";
  return new ManifestError(
    "NotAManifest",
    `the archive holds ${files.length} files (${names.join(", ")}${more}) and not exactly one CSV or JSON file, nor archives of certificates as OPTIGA Trust M Express has them`,
  );
}

async function* between(chunks: AsyncIterable<Buffer>, from: number, to: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of chunks) {
    const piece = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    at += chunk.length;
    if (piece.length > 0) yield piece;
  }
}

async function* following(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
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
