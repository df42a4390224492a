import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";

import { processIsAlive } from "../process/liveness.ts";

const POLL_MS = 500;
const STALE_AFTER_MS = 60_000;

export interface BuildLockOptions {
  /** How long to wait for another owner, in milliseconds. */
  readonly deadlineMs: number;
  /** Called once, with the owner's pid, when there is somebody to wait for. */
  readonly told: (owner: number) => void;
  readonly signal?: AbortSignal;
  /** A lock that was not touched for so many milliseconds is nobody's; 60000 unless told. */
  readonly staleAfterMs?: number;
}

/**
 * A lock file that holds its owner's pid and is touched as long as it is held: a pid alone does not tell, since
 * another process may have it by now (in a container often the very one that asks). The lock only saves work: two
 * builds at once would both be right, because the finished folder is moved into place in one step.
 * @returns lets go of the lock
 * @throws Error when another owner holds it past the deadline; the signal's reason
 */
export async function lockBuild(file: string, options: BuildLockOptions): Promise<() => Promise<void>> {
  const staleAfterMs = options.staleAfterMs ?? STALE_AFTER_MS;
  const deadline = Date.now() + options.deadlineMs;
  for (let told = false; ; told = true) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(file, String(process.pid), { flag: "wx" });
      return hold(file, staleAfterMs / 4);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const owner = Number(await readFile(file, "utf8").catch(() => ""));
    if (await isStale(file, owner, staleAfterMs)) {
      await rm(file, { force: true });
      continue;
    }
    if (!told) options.told(owner);
    if (Date.now() > deadline)
      throw new Error(`process ${owner} holds ${file} for too long; end it and try again`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function hold(file: string, everyMs: number): () => Promise<void> {
  const ticker = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, everyMs);
  ticker.unref();
  return async () => {
    clearInterval(ticker);
    await rm(file, { force: true });
  };
}

async function isStale(file: string, owner: number, staleAfterMs: number): Promise<boolean> {
  // A file that is gone by now, or that its owner has yet to write into, is young.
  const touched = await stat(file).then(
    (found) => found.mtimeMs,
    () => Date.now(),
  );
  return Date.now() - touched > staleAfterMs || (owner > 0 && !processIsAlive(owner));
}
