import { open } from "node:fs/promises";
import { type SealKey, unseal } from "./seal.ts";

/** An archive on this machine. */
export interface PackedFile {
  readonly path: string;
  readonly bytes: number;
  /** Where it is encrypted on disk. */
  readonly seal?: SealKey;
}

const PIECE_BYTES = 1024 * 1024;

/** Bytes of it as they were before they were sealed; fewer where it ends before. */
export async function readPacked(file: PackedFile, position: number, length: number): Promise<Buffer> {
  await using handle = await open(file.path, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  const bytes = buffer.subarray(0, bytesRead);
  return file.seal === undefined ? bytes : unseal(file.seal, bytes, position);
}

/** All of it, as it was before it was sealed. */
export async function* unsealed(file: PackedFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  await using handle = await open(file.path, "r");
  for (let at = 0; ;) {
    signal.throwIfAborted();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, at);
    if (bytesRead === 0) return;
    const bytes = buffer.subarray(0, bytesRead);
    yield file.seal === undefined ? bytes : unseal(file.seal, bytes, at);
    at += bytesRead;
  }
}
