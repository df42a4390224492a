import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ManifestError } from "../../errors.ts";
import type { NestedContent, NestedFile, NestedMember } from "../../formats/port.ts";
import {
  type DescribedMember,
  type Description,
  DIGEST_BYTES,
  LENGTH_BYTES,
  MAX_DESCRIPTION_BYTES,
  NOT_KEPT,
  PREPARED_MARK,
  RECORD_HEAD_BYTES,
} from "./layout.ts";

const PIECE_BYTES = 256 * 1024;

/**
 * Opens what archives in an archive were prepared to.
 * @param sha256 the original's. A file that comes from a source in this form is not opened: the digest that it goes
 *   by is its own, which it cannot name
 * @throws ManifestError NotAManifest; SourceUnavailable where the file is damaged
 */
export async function openPrepared(path: string, sha256: string): Promise<NestedContent & AsyncDisposable> {
  const { original, members } = await describe(path);
  if (original !== sha256) {
    throw new ManifestError(
      "NotAManifest",
      "the file is what an operator keeps of a vendor's archive: give the vendor's archive itself",
    );
  }
  return {
    kind: "nested",
    members: members.map((member) => asMember(path, member)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Whether a file is whole, and what was prepared from the original with that digest. */
export async function isPreparedFrom(path: string, sha256: string): Promise<boolean> {
  try {
    const { original } = await describe(path);
    if (original !== sha256) return false;
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const hash = createHash("sha256");
    const bytes = createReadStream(path, { end: size - DIGEST_BYTES - 1, highWaterMark: PIECE_BYTES });
    for await (const chunk of bytes as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest().equals(await piece(file, size - DIGEST_BYTES, DIGEST_BYTES));
  } catch {
    return false;
  }
}

async function describe(path: string): Promise<Description> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const mark = await piece(file, 0, PREPARED_MARK.length);
  const end = size - DIGEST_BYTES - LENGTH_BYTES;
  if (end < PREPARED_MARK.length || !mark.equals(PREPARED_MARK)) throw damaged();
  const length = (await piece(file, end, LENGTH_BYTES)).readUInt32LE(0);
  const at = end - length;
  if (length > MAX_DESCRIPTION_BYTES || at < PREPARED_MARK.length) throw damaged();
  const value = parse((await piece(file, at, length)).toString("utf8"));
  if (!isDescription(value, at)) throw damaged();
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged();
  }
}

async function piece(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** @param end where the records end */
function isDescription(value: unknown, end: number): value is Description {
  if (typeof value !== "object" || value === null) return false;
  const { original, members } = value as Partial<Record<string, unknown>>;
  if (typeof original !== "string" || !Array.isArray(members)) return false;
  let at = PREPARED_MARK.length;
  for (const member of members as Partial<DescribedMember>[]) {
    const { name, count, from, to } = member;
    if (typeof name !== "string" || !isWhole(count) || from !== at || !isWhole(to) || to < at) return false;
    at = to;
  }
  return at === end;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function asMember(path: string, { name, count, from, to }: DescribedMember): NestedMember {
  return { name, count, files: (signal) => filesOf(path, from, to, signal) };
}

async function* filesOf(
  path: string,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<readonly NestedFile[]> {
  if (from === to) return;
  const bytes = createReadStream(path, { start: from, end: to - 1, highWaterMark: PIECE_BYTES, signal });
  let window: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    window = window.length === 0 ? chunk : Buffer.concat([window, chunk]);
    const files: NestedFile[] = [];
    let at = 0;
    for (let next = recordAt(window, at); next !== undefined; next = recordAt(window, at)) {
      files.push(next.file);
      at = next.end;
    }
    window = window.subarray(at);
    yield files;
  }
  if (window.length > 0) throw damaged();
}

function recordAt(window: Buffer, at: number): { file: NestedFile; end: number } | undefined {
  if (at + RECORD_HEAD_BYTES > window.length) return undefined;
  const named = at + RECORD_HEAD_BYTES + window.readUInt16LE(at);
  const size = window.readUInt32LE(at + 2);
  const end = size === NOT_KEPT ? named : named + size;
  if (end > window.length) return undefined;
  const name = window.toString("utf8", at + RECORD_HEAD_BYTES, named);
  return { file: { name, bytes: size === NOT_KEPT ? undefined : window.subarray(named, end) }, end };
}

function damaged(): ManifestError {
  return new ManifestError("SourceUnavailable", "the stored manifest is damaged: fetch it anew", {
    transient: true,
  });
}
