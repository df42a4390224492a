import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import type { BuildOptions } from "../build-cache/build-cache.ts";
import { COMPILE_FLAGS, buildGoProgram, cachedGoProgram } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";

const SOURCES = import.meta.dirname;
const ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const run = promisify(execFile);

/** The Pulumi CLI, which is the engine too. */
export interface PulumiEngine {
  /** The path of `pulumi`. */
  readonly path: string;
  /** As 3.259.0. */
  readonly version: string;
  readonly origin: "environment" | "path" | "cache" | "build";
}

export interface FindEngineOptions {
  /** Told what is built, one line at a time. */
  readonly log?: (message: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

const ENGINE: GoProgram = {
  name: "Pulumi engine",
  what: "pulumi",
  takes: "5 to 10 minutes",
  sources: SOURCES,
  package: `${ENGINE_MODULE}/cmd/pulumi`,
  file: "pulumi",
  async flags() {
    // Without a version of its own, the Automation API refuses it.
    return [...COMPILE_FLAGS, `-ldflags=-s -w -X ${VERSION_VARIABLE}=v${await wantedVersion()}`];
  },
  withoutGo: "Install Go, or Pulumi, or set CERTFERRY_PULUMI to the path of a pulumi",
};

/**
 * Finds the Pulumi engine: `$CERTFERRY_PULUMI` (a path), the `pulumi` of the PATH if it is of the version in
 * go.mod or a newer one of its major version, an earlier build in the user's cache folder, and last a build from the Go modules.
 * @throws Error when the named one does not run, or nothing is found and Go is missing or the build fails
 */
export async function findPulumiEngine(options: FindEngineOptions = {}): Promise<PulumiEngine> {
  const env = options.env ?? process.env;
  const named = env["CERTFERRY_PULUMI"];
  if (named !== undefined && named !== "") {
    const version = await versionOf(named, env);
    if (version !== undefined) return { path: named, version, origin: "environment" };
    throw new Error(
      `CERTFERRY_PULUMI leads to ${named}, which is not there or is no pulumi; correct the variable or unset it`,
    );
  }
  const wanted = await wantedVersion();
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const path = join(folder, "pulumi");
    const version = await versionOf(path, env);
    if (version !== undefined && fits(version, wanted)) return { path, version, origin: "path" };
  }
  const cached = await cachedGoProgram(ENGINE, env);
  if (cached !== undefined) return { path: cached, version: wanted, origin: "cache" };
  const build: BuildOptions = {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  };
  return { path: await buildGoProgram(ENGINE, build), version: wanted, origin: "build" };
}

async function wantedVersion(): Promise<string> {
  const mod = await readFile(join(SOURCES, "go.mod"), "utf8");
  const version = new RegExp(`^(?:require )?\\s*${ENGINE_MODULE} v(\\S+)`, "m").exec(mod)?.[1];
  if (version === undefined)
    throw new Error(`tools/pulumi-engine/go.mod does not name a version of ${ENGINE_MODULE}`);
  return version;
}

/** Undefined when it does not run. */
async function versionOf(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const quiet = { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const answer = await run(command, ["version"], { env: quiet, timeout: 60_000 }).catch(() => undefined);
  return /^v(\d+\.\d+\.\d+\S*)/.exec(answer?.stdout ?? "")?.[1];
}

/** Whether this version (as 3.259.0) will do where that one is wanted. */
export function fits(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map((part) => Number.parseInt(part, 10));
  return major === wantedMajor && minor >= wantedMinor;
}
