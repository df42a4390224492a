import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { cacheFolder, makeOnce, usedFromCache } from "../build-cache/build-cache.ts";
import type { BuildOptions } from "../build-cache/build-cache.ts";
import { BUILD_DEADLINE_MS, goVersion, runGo } from "./run-go.ts";
import type { GoRun } from "./run-go.ts";

/** How the packages are compiled, whatever is built. */
export const COMPILE_FLAGS: readonly string[] = ["-trimpath", "-buildvcs=false"];

/** A program that is built from Go modules and kept for the user. */
export interface GoProgram {
  /** What people call it, as "control plane"; stands before each line about it. */
  readonly name: string;
  /** What is built, and how long it takes: "kube-apiserver with etcd", "5 to 10 minutes". */
  readonly what: string;
  readonly takes: string;
  /** The folder of its go.mod, go.sum and its own sources, if it has any. */
  readonly sources: string;
  /** The package of its main function, as go takes it. */
  readonly package: string;
  /** The built file's name, and that of its folder in the cache. */
  readonly file: string;
  /** All flags of `go build` that decide what comes out. */
  readonly flags: () => Promise<readonly string[]>;
  /** Said where Go is missing; what to do. */
  readonly withoutGo: string;
}

/**
 * The path of an earlier build of the present sources, for this platform and the Go that is installed (any
 * Go's, where none is installed); undefined when there is none.
 */
export async function cachedGoProgram(
  program: GoProgram,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const cache = cacheFolder(program.file, env);
  const entries = await readdir(cache).catch((): string[] => []);
  const prefix = await entryPrefix(program);
  if (!entries.some((entry) => entry.startsWith(prefix))) return undefined;
  const go = await goVersion(program.sources, env).catch(() => undefined);
  const wanted = entries.filter((entry) =>
    go === undefined ? entry.startsWith(prefix) && !entry.includes(".building-") : entry === prefix + go,
  );
  for (const entry of wanted) {
    const path = await usedFromCache(join(cache, entry), program.file);
    if (path !== undefined) return path;
  }
  return undefined;
}

/**
 * Builds the program from the Go modules into the cache and gives its path. One process at a time builds;
 * the others wait for it. Progress goes to `log`.
 * @throws Error when Go is missing or the build fails, with what to do
 */
export async function buildGoProgram(program: GoProgram, options: BuildOptions): Promise<string> {
  const go = await neededGo(program, options.env);
  return await makeOnce(
    {
      name: program.name,
      entry: join(cacheFolder(program.file, options.env), (await entryPrefix(program)) + go),
      program: program.file,
      deadlineMs: BUILD_DEADLINE_MS,
      announcement: `building ${program.what} (${go}); this happens once and takes ${program.takes}`,
      make: async (scratch) => await compile(scratch, program, options),
    },
    options,
  );
}

async function compile(folder: string, program: GoProgram, options: BuildOptions): Promise<void> {
  const total = await packagesToCompile(program, options);
  let compiled = 0;
  const output = join(folder, program.file);
  await runGo(["build", "-v", ...(await program.flags()), "-o", output, program.package], {
    ...goRun(program, options),
    failure: `the ${program.name} could not be built`,
    // Go names a package when it begins to compile it; nothing of what it has in its own cache, or of linking.
    progress(lines) {
      compiled += lines.filter((line) => !/^(go: |#)/.test(line)).length;
      const last = lines.at(-1);
      const step = last === undefined ? "(some are in go's own cache; or it is being linked)" : last;
      return `${Math.min(compiled, total)} of ${total} packages  ${step}`;
    },
  });
}

async function packagesToCompile(program: GoProgram, options: BuildOptions): Promise<number> {
  let downloaded = 0;
  const packages = await runGo(["list", "-deps", program.package], {
    ...goRun(program, options),
    failure: `the Go modules of the ${program.name} could not be read or downloaded`,
    progress(lines) {
      downloaded += lines.filter((line) => line.startsWith("go: downloading ")).length;
      return `${downloaded} Go modules downloaded  ${lines.at(-1)?.replace("go: downloading ", "") ?? ""}`;
    },
  });
  return packages.length;
}

function goRun(program: GoProgram, options: BuildOptions): Omit<GoRun, "failure" | "progress"> {
  return { ...options, name: program.name, sources: program.sources };
}

async function entryPrefix(program: GoProgram): Promise<string> {
  const hash = createHash("sha256");
  const files = (await readdir(program.sources)).filter(
    (f) => /^(go\.(mod|sum)|.*\.go)$/.test(f) && !f.endsWith("_test.go"),
  );
  for (const file of files.sort()) {
    hash.update(`${file}\0`);
    hash.update(await readFile(join(program.sources, file)));
    hash.update("\0");
  }
  hash.update((await program.flags()).join("\0"));
  return `${hash.digest("hex").slice(0, 16)}-${process.platform}-${process.arch}-`;
}

async function neededGo(program: GoProgram, env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return await goVersion(program.sources, env);
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new Error(
      `no ${program.name} is built yet, and Go 1.26 or newer, which builds it, is not to be had` +
        `${said === "" ? "" : ` (${said})`}. ${program.withoutGo}`,
      { cause },
    );
  }
}
