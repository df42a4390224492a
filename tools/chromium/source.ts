import { execFile } from "node:child_process";
import { access, constants, mkdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { lockBuild } from "../build-cache/build-lock.ts";
import { cacheFolder } from "../build-cache/build-cache.ts";
import type { FindOptions } from "../go-build/find-program.ts";

const VARIABLE = "CERTFERRY_CHROMIUM";
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** A machine without any font shows no letters. */
const PACKAGES = ["chromium", "fonts-dejavu-core"];
const INSTALL_DEADLINE_MS = 10 * 60_000;

const run = promisify(execFile);

/** Of a browser that is driven: no sandbox, because root has none; nothing that calls home. */
export const CHROMIUM_FLAGS: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Finds a Chromium for the tests of the console's pages: `$CERTFERRY_CHROMIUM`, the PATH's, or Debian's package, which
 * is installed where one is root.
 * @returns its path
 * @throws Error when none is to be had, with what to do
 */
export async function findChromium(options: FindOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const named = env[VARIABLE];
  if (named !== undefined && named !== "") {
    if (await isExecutable(named)) return named;
    throw new Error(`${VARIABLE} leads to ${named}, which is no program; correct the variable or unset it`);
  }
  const found = await onPath(env);
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0) throw notToBeHad("Only root can install it");
  const folder = cacheFolder("chromium", env);
  await mkdir(folder, { recursive: true });
  const log = options.log ?? (() => {});
  const unlock = await lockBuild(join(folder, "install.lock"), {
    deadlineMs: INSTALL_DEADLINE_MS,
    told: (owner) => log(`chromium: process ${owner} is installing it already; waiting`),
    ...(options.signal && { signal: options.signal }),
  });
  try {
    const meanwhile = await onPath(env);
    if (meanwhile !== undefined) return meanwhile;
    log("chromium: installing Debian's package; this happens once and takes a minute or two");
    await install(env, options.signal);
    const installed = await onPath(env);
    if (installed === undefined) throw notToBeHad("apt-get has installed it, and it is not on the PATH");
    return installed;
  } finally {
    await unlock();
  }
}

async function install(env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<void> {
  const options = {
    env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: INSTALL_DEADLINE_MS,
    maxBuffer: 64 * 1024 * 1024,
    ...(signal && { signal }),
  };
  try {
    await run("apt-get", ["update", "-q"], options);
    await run("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...PACKAGES], options);
  } catch (error) {
    const said = error instanceof Error ? (error.message.split("\n").find(Boolean) ?? "") : String(error);
    throw notToBeHad(`apt-get could not install it (${said})`, error);
  }
}

function notToBeHad(why: string, cause?: unknown): Error {
  return new Error(
    `no Chromium for the tests of the console's pages. ${why}. Install it (Debian: chromium), or set ${VARIABLE} to its path`,
    cause === undefined ? undefined : { cause },
  );
}

async function onPath(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = (env["PATH"] ?? "").split(delimiter).filter(Boolean);
  for (const name of NAMES) {
    for (const folder of folders) {
      if (await isExecutable(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
