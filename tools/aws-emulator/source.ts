import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { cacheFolder, clockTime, makeOnce, usedFromCache } from "../build-cache/build-cache.ts";
import type { BuildOptions } from "../build-cache/build-cache.ts";
import { OwnedProcess, describeEnding } from "../process/owned-process.ts";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
const NAME = "AWS emulator";
/** In the cache's folder; a virtual environment as Python lays it. */
const PYTHON = join("venv", "bin", "python");
/** The oldest Python for which everything in requirements.txt is all there is to install. */
const OLDEST = [3, 11] as const;
const INSTALL_DEADLINE_MS = 10 * 60_000;
const PROGRESS_EVERY_MS = 10_000;

const run = promisify(execFile);

interface Python {
  readonly command: string;
  /** As 3.11. */
  readonly version: string;
}

export interface FindEmulatorOptions {
  /** Told what is installed, one line at a time. */
  readonly log?: (message: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/**
 * The Python that ministack can be imported with: of an earlier installation in the user's cache folder, or of
 * a new one from the package index, which takes half a minute.
 * @returns the path of an interpreter
 * @throws Error when there is no Python to be had, or the installation fails, with what to do
 */
export async function findAwsEmulator(options: FindEmulatorOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const python = await findPython(env);
  const requirements = await readFile(REQUIREMENTS);
  const digest = createHash("sha256").update(requirements).digest("hex").slice(0, 16);
  const folder = `${digest}-${process.platform}-${process.arch}-python${python.version}`;
  const entry = join(cacheFolder("aws-emulator", env), folder);
  const cached = await usedFromCache(entry, PYTHON);
  // The Python that it was made with may have been removed since.
  if (cached !== undefined && (await works(cached))) return cached;
  const build: BuildOptions = {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  };
  return await makeOnce(
    {
      name: NAME,
      entry,
      program: PYTHON,
      deadlineMs: INSTALL_DEADLINE_MS,
      announcement: `installing ministack (Python ${python.version}); this happens once and takes half a minute`,
      make: async (scratch) => await install(scratch, python, build),
    },
    build,
  );
}

async function install(scratch: string, python: Python, options: BuildOptions): Promise<void> {
  const venv = join(scratch, "venv");
  await runPython(python.command, ["-m", "venv", venv], options);
  const quietly = ["--disable-pip-version-check", "--no-input", "--no-deps", "--progress-bar", "off"];
  await runPython(join(scratch, PYTHON), ["-m", "pip", "install", ...quietly, "-r", REQUIREMENTS], options);
}

async function runPython(command: string, args: readonly string[], options: BuildOptions): Promise<void> {
  const started = Date.now();
  const python = await OwnedProcess.start({ command, args, env: options.env });
  const giveUp = (): void => void python.kill();
  const ticker = setInterval(() => {
    options.log(`${NAME}: ${clockTime(started)}  ${python.tail("stdout").at(-1) ?? ""}`);
  }, PROGRESS_EVERY_MS);
  const deadline = setTimeout(giveUp, INSTALL_DEADLINE_MS);
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const ending = await python.ended;
    options.signal?.throwIfAborted();
    if (ending.code === 0) return;
    const words = [...python.tail("stdout"), ...python.tail("stderr")].slice(-15).join("\n  ");
    throw new Error(
      `the ${NAME} could not be installed (python ${args.slice(0, 2).join(" ")}: ${describeEnding(ending)}). ` +
        `Where venv or ensurepip is missing, install it (Debian: python3-venv). Python wrote:\n  ${words}`,
    );
  } finally {
    clearInterval(ticker);
    clearTimeout(deadline);
    options.signal?.removeEventListener("abort", giveUp);
  }
}

async function findPython(env: NodeJS.ProcessEnv): Promise<Python> {
  const named = env["CERTFERRY_PYTHON"];
  const commands = named !== undefined && named !== "" ? [named] : ["python3", "python3.13", "python3.12"];
  for (const command of commands) {
    // Its own path: a shim may need variables that the virtual environment's later users do not have.
    const script = "import sys; print(sys.executable); print(*sys.version_info[:2])";
    const answer = await run(command, ["-c", script], { env, timeout: 60_000 }).catch(() => undefined);
    const [path, version = ""] = answer?.stdout.trim().split("\n") ?? [];
    const [major = 0, minor = 0] = version.split(" ").map(Number);
    if (path !== undefined && major === OLDEST[0] && minor >= OLDEST[1])
      return { command: path, version: `${major}.${minor}` };
  }
  throw new Error(
    `the ${NAME} needs Python ${OLDEST.join(".")} or newer (tried ${commands.join(", ")}). Install it, or set ` +
      "CERTFERRY_PYTHON to its path",
  );
}

async function works(python: string): Promise<boolean> {
  return await run(python, ["--version"], { timeout: 60_000 }).then(
    () => true,
    () => false,
  );
}
