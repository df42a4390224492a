import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findProgram } from "../go-build/find-program.ts";
import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";
import { moduleVersion } from "../go-build/module-version.ts";

const SOURCES = import.meta.dirname;
const MODULE = "github.com/pulumi/pulumi/pkg/v3";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const run = promisify(execFile);

/** The Pulumi CLI, which is the engine too. */
export type PulumiEngine = FoundProgram;

const ENGINE: GoProgram = {
  name: "Pulumi engine",
  what: "pulumi",
  takes: "5 to 10 minutes",
  sources: SOURCES,
  package: `${MODULE}/cmd/pulumi`,
  file: "pulumi",
  async flags() {
    // Without a version of its own, the Automation API refuses it.
    const version = await moduleVersion(SOURCES, MODULE);
    return [...COMPILE_FLAGS, `-ldflags=-s -w -X ${VERSION_VARIABLE}=v${version}`];
  },
  withoutGo: "Install Go, or Pulumi, or set CERTFERRY_PULUMI to the path of a pulumi",
};

/**
 * Finds the Pulumi engine: `$CERTFERRY_PULUMI`, the PATH's if it is not older than the version in go.mod, an
 * earlier build, or a build from the Go modules.
 * @throws Error when none is to be had, with what to do
 */
export async function findPulumiEngine(options: FindOptions = {}): Promise<PulumiEngine> {
  const version = await moduleVersion(SOURCES, MODULE);
  return await findProgram(ENGINE, { variable: "CERTFERRY_PULUMI", version, versionOf }, options);
}

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const quiet = { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const answer = await run(path, ["version"], { env: quiet, timeout: 60_000 }).catch(() => undefined);
  return /^v(\d+\.\d+\.\d+\S*)/.exec(answer?.stdout ?? "")?.[1];
}
