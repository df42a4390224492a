import { delimiter, join } from "node:path";

import type { BuildOptions } from "../build-cache/build-cache.ts";
import { buildGoProgram, cachedGoProgram } from "./go-program.ts";
import type { GoProgram } from "./go-program.ts";

export interface FindOptions {
  /** Told what is built, one line at a time. */
  readonly log?: (message: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface FoundProgram {
  readonly path: string;
  /** As it says of itself, or is built as: 3.259.0. */
  readonly version: string;
  readonly origin: "environment" | "path" | "cache" | "build";
}

export interface Wanted {
  /** The variable that may name it. */
  readonly variable: string;
  /** The version that would be built. */
  readonly version: string;
  /** What a program says that its version is; undefined when it does not run, or is another program. */
  readonly versionOf: (path: string, env: NodeJS.ProcessEnv) => Promise<string | undefined>;
}

/**
 * Finds a program that people may have installed: the one that the variable names, that of the PATH if it is of
 * the wanted version or a newer one of its major version, an earlier build in the user's cache folder, and last a
 * build from the Go modules.
 * @throws Error when the named one does not run, or nothing is found and Go is missing or the build fails
 */
export async function findProgram(
  program: GoProgram,
  wanted: Wanted,
  options: FindOptions = {},
): Promise<FoundProgram> {
  const env = options.env ?? process.env;
  const named = env[wanted.variable];
  if (named !== undefined && named !== "") {
    const version = await wanted.versionOf(named, env);
    if (version !== undefined) return { path: named, version, origin: "environment" };
    throw new Error(
      `${wanted.variable} leads to ${named}, which is not there or is no ${program.file}; correct the variable or unset it`,
    );
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const path = join(folder, program.file);
    const version = await wanted.versionOf(path, env);
    if (version !== undefined && fits(version, wanted.version)) return { path, version, origin: "path" };
  }
  const cached = await cachedGoProgram(program, env);
  if (cached !== undefined) return { path: cached, version: wanted.version, origin: "cache" };
  const build: BuildOptions = {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  };
  return { path: await buildGoProgram(program, build), version: wanted.version, origin: "build" };
}

/** Whether this version (as 3.259.0) will do where that one is wanted. */
export function fits(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map((part) => Number.parseInt(part, 10));
  return major === wantedMajor && minor >= wantedMinor;
}
