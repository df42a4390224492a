import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManifestError } from "./errors.ts";
import { readManifest } from "./reader.ts";
import type { ManifestRecord, ReadOptions, StoredManifest } from "./records.ts";

/** For tests: a folder that goes with `await using`. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "certferry-manifests-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** For tests: a manifest of these bytes as the store would hand it out. */
export async function storedManifest(
  content: Uint8Array | string,
): Promise<StoredManifest & AsyncDisposable & { discarded: boolean }> {
  const folder = await temporaryFolder();
  const bytes = Buffer.from(content);
  const path = join(folder.path, "manifest");
  await writeFile(path, bytes);
  const stored = {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    path,
    bytes: bytes.length,
    discarded: false,
    release: () => Promise.resolve(),
    async discard(): Promise<void> {
      stored.discarded = true;
      await rm(path, { force: true });
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
  return stored;
}

/** For tests: everything that a manifest of these bytes gives. */
export async function recordsOf(
  content: Uint8Array | string,
  options: Partial<ReadOptions> = {},
  signal: AbortSignal = AbortSignal.timeout(30_000),
): Promise<ManifestRecord[]> {
  await using manifest = await storedManifest(content);
  // Awaited here, before the file goes.
  return await Array.fromAsync(
    readManifest(manifest, { batchId: "D001", now: new Date(), ...options }, signal),
  );
}

/** For tests: the reason why the promise fails, with its message. */
export async function failureOf(promise: Promise<unknown>): Promise<ManifestError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}
