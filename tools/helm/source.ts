import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findProgram } from "../go-build/find-program.ts";
import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";
import { moduleVersion } from "../go-build/module-version.ts";

const SOURCES = import.meta.dirname;
const MODULE = "helm.sh/helm/v4";

const run = promisify(execFile);

const HELM: GoProgram = {
  name: "helm",
  what: "helm",
  takes: "three minutes",
  sources: SOURCES,
  package: `${MODULE}/cmd/helm`,
  file: "helm",
  async flags() {
    const version = await moduleVersion(SOURCES, MODULE);
    return [...COMPILE_FLAGS, `-ldflags=-s -w -X ${MODULE}/internal/version.version=v${version}`];
  },
  withoutGo: "Install Go, or Helm, or set CERTFERRY_HELM to the path of a helm",
};

/**
 * Finds helm: `$CERTFERRY_HELM`, the PATH's if it is not older than the version in go.mod, an earlier build, or a
 * build from the Go modules.
 * @throws Error when none is to be had, with what to do
 */
export async function findHelm(options: FindOptions = {}): Promise<FoundProgram> {
  const version = await moduleVersion(SOURCES, MODULE);
  return await findProgram(HELM, { variable: "CERTFERRY_HELM", version, versionOf }, options);
}

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const args = ["version", "--template", "{{.Version}}"];
  const answer = await run(path, args, { env, timeout: 60_000 }).catch(() => undefined);
  return /^v(\d+\.\d+\.\d+\S*)/.exec(answer?.stdout ?? "")?.[1];
}
