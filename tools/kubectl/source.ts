import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findProgram } from "../go-build/find-program.ts";
import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";
import { moduleVersion } from "../go-build/module-version.ts";

const SOURCES = import.meta.dirname;
const MODULE = "k8s.io/kubernetes";

const run = promisify(execFile);

const KUBECTL: GoProgram = {
  name: "kubectl",
  what: "kubectl",
  takes: "a minute or two after the control plane, whose packages it shares",
  sources: SOURCES,
  package: `${MODULE}/cmd/kubectl`,
  file: "kubectl",
  async flags() {
    const version = `v${await moduleVersion(SOURCES, MODULE)}`;
    const variables = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    const set = variables.map((name) => `-X ${name}.gitVersion=${version}`).join(" ");
    return [...COMPILE_FLAGS, `-ldflags=-s -w ${set}`];
  },
  withoutGo: "Install Go, or kubectl, or set CERTFERRY_KUBECTL to the path of a kubectl",
};

/**
 * Finds kubectl: `$CERTFERRY_KUBECTL`, the PATH's if it is not older than the version in go.mod, an earlier
 * build, or a build from the Go modules.
 * @throws Error when none is to be had, with what to do
 */
export async function findKubectl(options: FindOptions = {}): Promise<FoundProgram> {
  const version = await moduleVersion(SOURCES, MODULE);
  return await findProgram(KUBECTL, { variable: "CERTFERRY_KUBECTL", version, versionOf }, options);
}

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const args = ["version", "--client", "--output=json"];
  const answer = await run(path, args, { env, timeout: 60_000 }).catch(() => undefined);
  return /"gitVersion": "v(\d+\.\d+\.\d+[^"]*)"/.exec(answer?.stdout ?? "")?.[1];
}
