import { constants, type FileHandle, open, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { OpenedSource, SourceOf } from "./port.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * A file below the one folder that is mounted for manifests. Links within the folder are followed (volumes
 * of ConfigMaps consist of them); none leads out of it.
 * @param root undefined where no folder is mounted
 */
export function fileSource(source: SourceOf<"file">, root: string | undefined): OpenedSource {
  const where = `file "${printable(source.path, 200)}"`;
  return {
    where,
    async *bytes(signal) {
      if (root === undefined) {
        throw new ManifestError(
          "SourceNotAllowed",
          `${where} cannot be read: no folder of manifests is mounted (start the operator with --manifest-root)`,
        );
      }
      const path = await pathWithin(root, source.path, where);
      yield* chunksOf(await openFile(path, where), signal);
    },
  };
}

/** In one piece of memory: a stream's chunks, thousands of them, would lie about until they are collected. */
async function* chunksOf(file: FileHandle, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  aborted.catch(() => undefined);
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await Promise.race([file.read(chunk, 0, chunk.length), aborted]);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // Not awaited: it waits for a read that hangs.
    file.close().catch(() => undefined);
  }
}

async function pathWithin(root: string, path: string, where: string): Promise<string> {
  try {
    const folder = await realpath(root);
    const place = resolve(folder, path);
    // Before links are followed, so that nothing outside is even looked at.
    if (!place.startsWith(folder + sep)) throw outside(where);
    const real = await realpath(place);
    if (!real.startsWith(folder + sep)) throw outside(where);
    return real;
  } catch (cause) {
    throw asManifestError(cause, where);
  }
}

async function openFile(path: string, where: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    // Not blocking: opening a named pipe would wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
  } catch (cause) {
    await file?.close();
    throw asManifestError(cause, where);
  }
  await file.close();
  throw new ManifestError("SourceNotAllowed", `${where} is not a regular file`);
}

function outside(where: string): ManifestError {
  return new ManifestError(
    "SourceNotAllowed",
    `${where} leads out of the folder that is mounted for manifests`,
  );
}

function asManifestError(cause: unknown, where: string): ManifestError {
  if (cause instanceof ManifestError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  const why = code === "ENOENT" ? "it is not there" : code === "EACCES" ? "its permissions forbid it" : code;
  return new ManifestError("SourceUnavailable", `${where} cannot be read: ${why}`, {
    transient: true,
    cause,
  });
}
