import { access, constants, mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { reapFolder } from "../process/reaper.ts";
import { lockBuild } from "./build-lock.ts";

const UNUSED_FOR_MS = 30 * 24 * 3_600_000;

export interface BuildOptions {
  readonly log: (message: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** One thing that takes long to make and is kept for the user. */
export interface Making {
  /** What people call it; stands before each line about it. */
  readonly name: string;
  /** The folder it is kept in; there as a whole or not at all. */
  readonly entry: string;
  /** A program inside the folder, by which it is known to be there. */
  readonly program: string;
  /** How long another process that makes it already is waited for, in milliseconds. */
  readonly deadlineMs: number;
  /** Said first: what is made, and how long it takes. */
  readonly announcement: string;
  /** Lays it into a folder, which is moved to its place afterwards. */
  readonly make: (scratch: string) => Promise<void>;
}

/** A folder of this user's cache: `$XDG_CACHE_HOME` or `~/.cache`, then certferry and the name. */
export function cacheFolder(name: string, env: NodeJS.ProcessEnv = process.env): string {
  const configured = env["XDG_CACHE_HOME"];
  const base = configured?.startsWith("/") === true ? configured : join(homedir(), ".cache");
  return join(base, "certferry", name);
}

/**
 * Makes it unless it is there, and removes its neighbours in the cache that nobody has used for a month. One
 * process at a time makes; the others wait for it.
 * @returns the path of the program
 * @throws whatever `make` throws, with nothing left behind
 */
export async function makeOnce(making: Making, options: BuildOptions): Promise<string> {
  const cache = dirname(making.entry);
  await mkdir(cache, { recursive: true });
  const unlock = await lockBuild(`${making.entry}.lock`, {
    ...options,
    deadlineMs: making.deadlineMs,
    told: (owner) => options.log(`${making.name}: process ${owner} is building it already; waiting`),
  });
  try {
    const path = join(making.entry, making.program);
    // Whoever held the lock before may have made it.
    if (!(await isExecutable(path))) await makeInto(making, options);
    await removeUnused(cache);
    return path;
  } finally {
    await unlock();
  }
}

async function makeInto(making: Making, { log }: BuildOptions): Promise<void> {
  const started = Date.now();
  const scratch = `${making.entry}.building-${process.pid}`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch);
  reapFolder(scratch);
  try {
    log(`${making.name}: ${making.announcement}`);
    await making.make(scratch);
    await rm(making.entry, { recursive: true, force: true });
    await rename(scratch, making.entry);
    log(`${making.name}: built in ${clockTime(started)}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The path of the program in that folder of the cache, which counts as used now; undefined when it is not there. */
export async function usedFromCache(entry: string, program: string): Promise<string | undefined> {
  const path = join(entry, program);
  if (!(await isExecutable(path))) return undefined;
  const now = new Date();
  await utimes(entry, now, now).catch(() => {});
  return path;
}

async function removeUnused(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry);
    const used = await stat(path).catch(() => undefined);
    if (used !== undefined && Date.now() - used.mtimeMs > UNUSED_FOR_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Minutes and seconds since then (milliseconds of the epoch). */
export function clockTime(since: number): string {
  const seconds = Math.round((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
