import { createHash } from "node:crypto";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** At most so many folders of killed operators are removed at one start. */
const MAX_REMOVED = 100;

export interface DataFolderOptions {
  /** Where it is made; the system's folder for temporary files unless told. */
  readonly base?: string;
  readonly pid?: number;
  /** Process ids mean something on one host alone. */
  readonly host?: string;
}

/**
 * Makes the folder of an operator that was told none, and removes those that killed operators left: manifests of
 * some gigabytes each. They are known by host and process id in their names; a folder with this very process id was
 * left by an earlier one, as each start of a container has the same.
 * @returns its path
 */
export async function createDataFolder(options: DataFolderOptions = {}): Promise<string> {
  const base = options.base ?? tmpdir();
  const pid = options.pid ?? process.pid;
  const host = createHash("sha256")
    .update(options.host ?? hostname())
    .digest("hex")
    .slice(0, 8);
  await removeStale(base, `certferry-data-${host}-`, pid);
  return await mkdtemp(join(base, `certferry-data-${host}-${pid}-`));
}

async function removeStale(base: string, prefix: string, pid: number): Promise<void> {
  const stale = (await readdir(base)).filter((name) => {
    if (!name.startsWith(prefix)) return false;
    const owner = Number(/^(\d{1,10})-[A-Za-z0-9]{6}$/.exec(name.slice(prefix.length))?.[1]);
    return owner > 0 && (owner === pid || !isAlive(owner));
  });
  for (const name of stale.slice(0, MAX_REMOVED)) await removeOwn(join(base, name));
}

/** Another user's folder, or a link to anywhere, is none of ours. What cannot be removed is left. */
async function removeOwn(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return;
    await rm(path, { recursive: true, force: true });
  } catch {
    // The next start tries again.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
