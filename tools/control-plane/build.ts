import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { BuildOptions } from "../build-cache/build-cache.ts";
import { COMPILE_FLAGS, buildGoProgram, cachedGoProgram } from "../go-build/go-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";

const SOURCES = import.meta.dirname;

const CONTROL_PLANE: GoProgram = {
  name: "control plane",
  what: "kube-apiserver with etcd",
  takes: "5 to 10 minutes",
  sources: SOURCES,
  package: ".",
  file: "control-plane",
  flags: buildFlags,
  withoutGo:
    "Install Go, or set KUBEBUILDER_ASSETS to the folder that `setup-envtest use` prints, or " +
    "CERTFERRY_CONTROL_PLANE to a program built from tools/control-plane elsewhere",
};

/**
 * The path of an earlier build of the present sources, for this platform and the Go that is installed (any
 * Go's, where none is installed); undefined when there is none.
 */
export async function cachedControlPlane(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return await cachedGoProgram(CONTROL_PLANE, env);
}

/**
 * Builds the program from the Go modules into the cache and gives its path.
 * @throws Error when Go is missing or the build fails, with what to do
 */
export async function buildControlPlane(options: BuildOptions): Promise<string> {
  return await buildGoProgram(CONTROL_PLANE, options);
}

/** With the version that the server tells (`kubectl version`), which release builds set in the same way. */
async function buildFlags(): Promise<string[]> {
  const mod = await readFile(join(SOURCES, "go.mod"), "utf8");
  const [version, major, minor] = /^\s*k8s\.io\/kubernetes v(\d+)\.(\d+)\.\S+$/m.exec(mod) ?? [];
  if (version === undefined)
    throw new Error("tools/control-plane/go.mod does not name a version of k8s.io/kubernetes");
  const set = { gitVersion: version.trim().split(" ")[1], gitMajor: major, gitMinor: minor };
  const variables = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) =>
    Object.entries(set).map(([key, value]) => `-X ${name}.${key}=${value}`),
  );
  return [...COMPILE_FLAGS, `-ldflags=-s -w ${variables.join(" ")}`];
}
