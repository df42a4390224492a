import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findProgram } from "../go-build/find-program.ts";
import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";
import { moduleVersion } from "../go-build/module-version.ts";

const SOURCES = import.meta.dirname;
const MODULE = "github.com/Shopify/toxiproxy/v2";

const run = promisify(execFile);

const TOXIPROXY: GoProgram = {
  name: "toxiproxy",
  what: "toxiproxy-server",
  takes: "half a minute",
  sources: SOURCES,
  package: `${MODULE}/cmd/server`,
  file: "toxiproxy-server",
  async flags() {
    return [...COMPILE_FLAGS, `-ldflags=-s -w -X ${MODULE}.Version=${await moduleVersion(SOURCES, MODULE)}`];
  },
  withoutGo: "Install Go, or toxiproxy, or set CERTFERRY_TOXIPROXY to the path of a toxiproxy-server",
};

/**
 * Finds toxiproxy-server: `$CERTFERRY_TOXIPROXY`, the PATH's if it is not older than the version in go.mod, an
 * earlier build, or a build from the Go modules.
 * @throws Error when none is to be had, with what to do
 */
export async function findToxiproxy(options: FindOptions = {}): Promise<FoundProgram> {
  const version = await moduleVersion(SOURCES, MODULE);
  return await findProgram(TOXIPROXY, { variable: "CERTFERRY_TOXIPROXY", version, versionOf }, options);
}

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const answer = await run(path, ["-version"], { env, timeout: 60_000 }).catch(() => undefined);
  return /^toxiproxy-server version v?(\d+\.\d+\.\d+\S*)/.exec(answer?.stdout ?? "")?.[1];
}
