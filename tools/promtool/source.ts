import { execFile } from "node:child_process";
import { copyFile, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { cacheFolder, makeOnce, usedFromCache } from "../build-cache/build-cache.ts";
import type { BuildOptions } from "../build-cache/build-cache.ts";
import type { FindOptions } from "../go-build/find-program.ts";
import { buildGoProgram, cachedGoProgram, COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";

const FILE = "promtool";
const VARIABLE = "CERTFERRY_PROMTOOL";
/** The oldest that knows all that the rules use: Debian 12's. */
const OLDEST = [2, 42] as const;
const DOWNLOAD_MS = 300_000;

const run = promisify(execFile);

const PROMTOOL: GoProgram = {
  name: FILE,
  what: "promtool",
  takes: "5 to 15 minutes",
  sources: import.meta.dirname,
  package: "github.com/prometheus/prometheus/cmd/promtool",
  file: FILE,
  flags: async () => await Promise.resolve([...COMPILE_FLAGS, "-ldflags=-s -w"]),
  withoutGo: `Install Prometheus (Debian: prometheus), or Go, or set ${VARIABLE} to the path of a promtool`,
};

/**
 * Finds promtool, which checks and tests alerting rules: `$CERTFERRY_PROMTOOL`, the PATH's, an earlier one of the cache,
 * that of Debian's package (downloaded and unpacked, not installed), and last a build from the Go modules.
 * @returns its path
 * @throws Error when none is to be had, with what to do
 */
export async function findPromtool(options: FindOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const named = env[VARIABLE];
  if (named !== undefined && named !== "") {
    if (await isNewEnough(named, env)) return named;
    throw new Error(
      `${VARIABLE} leads to ${named}, which is not there or is no promtool of ${OLDEST.join(".")} or newer; correct the variable or unset it`,
    );
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const path = join(folder, FILE);
    if (await isNewEnough(path, env)) return path;
  }
  const kept = (await usedFromCache(packageEntry(env), FILE)) ?? (await cachedGoProgram(PROMTOOL, env));
  if (kept !== undefined) return kept;
  const build: BuildOptions = {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  };
  return (await fromPackage(build)) ?? (await buildGoProgram(PROMTOOL, build));
}

function packageEntry(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(FILE, env), `debian-${process.arch}`);
}

/** Debian's own, without installing it: that would start a server. Undefined where there is no such package. */
async function fromPackage(build: BuildOptions): Promise<string | undefined> {
  const { env } = build;
  const there = await run("apt-get", ["--version"], { env, timeout: 60_000 }).then(
    () => true,
    () => false,
  );
  if (!there) return undefined;
  try {
    return await makeOnce(
      {
        name: FILE,
        entry: packageEntry(env),
        program: FILE,
        deadlineMs: DOWNLOAD_MS,
        announcement: "downloading Debian's package of Prometheus, which holds it (20 MB)",
        make: async (scratch) => await unpack(scratch, env),
      },
      build,
    );
  } catch (error) {
    build.log(`${FILE}: ${error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error)}`);
    return undefined;
  }
}

async function unpack(scratch: string, env: NodeJS.ProcessEnv): Promise<void> {
  const here = { cwd: scratch, env, timeout: DOWNLOAD_MS };
  await run("apt-get", ["download", "prometheus"], here);
  const file = (await readdir(scratch)).find((name) => name.endsWith(".deb"));
  if (file === undefined) throw new Error("apt-get downloaded no package of Prometheus");
  await run("dpkg-deb", ["-x", file, "unpacked"], here);
  const path = join(scratch, "unpacked/usr/bin", FILE);
  if (!(await isNewEnough(path, env))) throw new Error("Debian's promtool is too old, or does not run here");
  await copyFile(path, join(scratch, FILE));
  await run("rm", ["-rf", file, "unpacked"], here);
}

async function isNewEnough(path: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const answer = await run(path, ["--version"], { env, timeout: 60_000 }).catch(() => undefined);
  const said =
    answer === undefined ? undefined : /^promtool, version (\d+)\.(\d+)/.exec(answer.stdout + answer.stderr);
  if (said === null || said === undefined) return false;
  const [major, minor] = [Number(said[1]), Number(said[2])];
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
