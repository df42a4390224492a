import type { Nesting } from "../formats/port.ts";
import { searchedForKeys } from "../key-search.ts";
import { byteSize } from "../printable.ts";
import { containsPrivateKey } from "../private-keys.ts";
import type { ReadLimits } from "../records.ts";
import { ManifestError } from "../errors.ts";
import { FileIndex } from "./file-index.ts";
import type { PackedFile } from "./packed-file.ts";
import { PreparedWriter } from "./prepared/write.ts";
import type { Scratch, ScratchFile } from "./scratch.ts";
import { MAX_FILES, Tally, tooManyFiles } from "./seven-zip/archive.ts";
import type { ListedFile } from "./seven-zip/listing.ts";
import { unreadable } from "./seven-zip/start-header.ts";
import { UnpackThread } from "./seven-zip/thread.ts";

export interface NestedOptions<File extends ScratchFile> {
  /** The archive's own digest. */
  readonly sha256: string;
  readonly scratch: Scratch<File>;
  readonly limits: ReadLimits;
  /** The formats that are archives in an archive. */
  readonly nestings: readonly Nesting[];
}

/**
 * Makes of archives in an archive one file of what may be kept of them: the certificates of the inner archives,
 * which are opened one after the other, and never those of secrets. An archive of certificate files is taken for
 * an inner one by itself.
 * @returns the file; undefined where the archive is neither, and holds no secrets
 * @throws ManifestError ArchiveUnreadable, PasswordRequired, ManifestTooLarge, ManifestEmpty, NotAManifest,
 *   ContainsPrivateKey, CacheFull
 */
export async function prepareNested<File extends ScratchFile>(
  packed: PackedFile,
  options: NestedOptions<File>,
  signal: AbortSignal,
): Promise<File | undefined> {
  const { limits, nestings, scratch } = options;
  await using thread = await UnpackThread.start(packed, limits);
  const outer = await listed(thread, signal, nestings);
  if (outer.nesting === undefined) {
    if (outer.tally.holdsKeys) throw containsPrivateKey("the archive");
    if (outer.tally.files > MAX_FILES) throw tooManyFiles(outer.tally.files);
    outer.tally.check(packed.bytes, limits);
    return undefined;
  }
  if (outer.tally.holdsKeys) throw containsPrivateKey("the archive");
  outer.tally.check(packed.bytes, limits);
  const prepared = await scratch.create(false);
  try {
    await write(thread, outer, outer.nesting, prepared, options, signal);
    return prepared;
  } catch (error) {
    await prepared[Symbol.asyncDispose]();
    throw error;
  }
}

async function write(
  thread: UnpackThread,
  outer: Listed,
  nesting: Nesting,
  prepared: ScratchFile,
  { limits, scratch, sha256 }: NestedOptions<ScratchFile>,
  signal: AbortSignal,
): Promise<void> {
  const writer = new PreparedWriter(prepared);
  if (outer.members.length === 0) {
    await copyFiles(thread, outer, nesting, writer, limits, signal);
    writer.endMember("");
    return writer.end(sha256);
  }
  await using parts = new AsyncDisposableStack();
  let left = limits.maxContentBytes;
  for (const { name, file } of await membersOf(thread, outer.members, scratch, parts, signal)) {
    const inner = await file.finished();
    left -= await copyMember(name, inner, nesting, writer, { ...limits, maxContentBytes: left }, signal);
    await file[Symbol.asyncDispose]();
  }
  await writer.end(sha256);
}

interface Listed {
  readonly index: FileIndex;
  readonly tally: Tally;
  /** How the archive is nested; undefined where it is not. */
  readonly nesting: Nesting | undefined;
  /** Inner archives of certificates; none where the files stand in the archive itself. */
  readonly members: readonly ListedFile[];
}

async function listed(
  thread: UnpackThread,
  signal: AbortSignal,
  nestings: readonly Nesting[],
): Promise<Listed> {
  const index = new FileIndex();
  const tally = new Tally();
  const first: ListedFile[] = [];
  for await (const files of thread.listing(signal)) {
    // The archive of secrets is where it belongs, in an archive that is not kept.
    tally.add(files.filter(({ name }) => !nestings.some((nesting) => nesting.isSecret(name))));
    for (const file of files) index.add(file);
    first.push(...files.slice(0, MAX_FILES - first.length));
  }
  if (tally.files === 0) throw new ManifestError("ManifestEmpty", "the archive holds no certificates");
  const nesting = nestings.find((known) => first.some(({ name }) => known.isMember(name)));
  if (nesting !== undefined) {
    return { index, tally, nesting, members: first.filter(({ name }) => nesting.isMember(name)) };
  }
  const flat = nestings.find((known) => first.some(({ name }) => known.isCertificate(name)));
  const secrets = first.some(({ name }) => nestings.some((known) => known.isSecret(name)));
  if (secrets) throw containsPrivateKey("the archive");
  return { index, tally, nesting: flat, members: [] };
}

/** Unpacks the inner archives of certificates, and passes over what else there is. */
async function membersOf(
  thread: UnpackThread,
  members: readonly ListedFile[],
  scratch: Scratch,
  parts: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ name: string; file: ScratchFile }[]> {
  const names = members.map(({ name }) => name);
  if (new Set(names).size < names.length) throw unreadable("it holds two files of one name");
  const made: { name: string; file: ScratchFile; size: number }[] = [];
  for (const { name, size } of members) {
    made.push({ name, size, file: parts.use(await scratch.create(true)) });
  }
  const total = members.reduce((sum, { size }) => sum + size, 0);
  let current = 0;
  let missing = made[0]?.size ?? 0;
  for await (const chunk of thread.bytes(total, signal, names)) {
    for (let at = 0; at < chunk.length;) {
      while (missing === 0 && current < made.length - 1) {
        current += 1;
        missing = made[current]?.size ?? 0;
      }
      const piece = chunk.subarray(at, at + missing);
      await made[current]?.file.write(piece);
      missing -= piece.length;
      at += piece.length;
    }
  }
  return made;
}

/** @returns how many bytes the inner archive holds */
async function copyMember(
  name: string,
  inner: PackedFile,
  nesting: Nesting,
  writer: PreparedWriter,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<number> {
  try {
    await using thread = await UnpackThread.start(inner, limits);
    const files = await listed(thread, signal, []);
    if (files.tally.holdsKeys) throw containsPrivateKey("an archive in the archive");
    files.tally.check(inner.bytes, limits);
    await copyFiles(thread, files, nesting, writer, limits, signal);
    writer.endMember(name);
    return files.tally.bytes;
  } catch (error) {
    if (!(error instanceof ManifestError) || error.reason === "ContainsPrivateKey") throw error;
    const { reason, message, transient } = error;
    throw new ManifestError(reason, `"${name}" in the archive: ${message}`, { transient, cause: error });
  }
}

/** Copies the certificates of an archive, each searched for private keys; of other files only the names. */
async function copyFiles(
  thread: UnpackThread,
  { index, tally }: Listed,
  nesting: Nesting,
  writer: PreparedWriter,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<void> {
  const files = index.files();
  let missing = 0;
  let kept = false;
  const begin = async (): Promise<number> => {
    const next = files.next();
    if (next.done === true) throw unreadable(`it holds more than ${byteSize(tally.bytes)}`);
    const { name, size } = next.value;
    kept = nesting.isCertificate(name) && size <= limits.maxRecordBytes;
    await writer.begin(name, kept ? size : undefined);
    return size;
  };
  for await (const chunk of searchedForKeys(thread.bytes(tally.bytes, signal), index.sizes())) {
    for (let at = 0; at < chunk.length;) {
      while (missing === 0) missing = await begin();
      const piece = chunk.subarray(at, at + missing);
      if (kept) await writer.bytes(piece);
      missing -= piece.length;
      at += piece.length;
    }
  }
  // Empty files at the end.
  for (const { name } of files) await writer.begin(name, nesting.isCertificate(name) ? 0 : undefined);
}
