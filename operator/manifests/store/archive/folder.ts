import { randomUUID } from "node:crypto";
import { constants, createReadStream, type Stats } from "node:fs";
import { copyFile, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestArchive } from "./port.ts";

const PARTIAL = /^\.partial-[0-9a-f]{64}-/;
/** What an operator that was killed left half written. */
const STALE_MS = 24 * 3_600_000;

/** An archive in a folder, which several operators may share (a volume, or NFS). */
export function folderArchive(dir: string): ManifestArchive {
  let prepared: Promise<void> | undefined;
  return {
    where: dir,
    async has({ sha256, bytes }) {
      const found = await statOf(join(dir, sha256));
      return found?.isFile() === true && found.size === bytes;
    },
    async put({ sha256, path }, signal) {
      prepared ??= prepare(dir);
      await prepared.catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
      signal.throwIfAborted();
      const partial = join(dir, `.partial-${sha256}-${randomUUID()}`);
      try {
        await copyFile(path, partial, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        await settled(partial);
        await rename(partial, join(dir, sha256));
        await settled(dir);
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async get(sha256, signal) {
      const path = join(dir, sha256);
      if ((await statOf(path))?.isFile() !== true) return undefined;
      return createReadStream(path, { signal, highWaterMark: 256 * 1024 });
    },
    close: () => Promise.resolve(),
  };
}

async function prepare(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const found = PARTIAL.test(name) ? await statOf(path) : undefined;
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}

/** Until it is on the disk: once it is there by its name, it must be there after a power cut too. */
async function settled(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
