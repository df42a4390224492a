import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { findReleased } from "../go-build/released-program.ts";
import type { ReleasedProgram } from "../go-build/released-program.ts";

const MODULE = "github.com/pulumi/pulumi/pkg/v3";

/** The Pulumi CLI, which is the engine too. */
export type PulumiEngine = FoundProgram;

const ENGINE: ReleasedProgram = {
  name: "Pulumi engine",
  what: "pulumi",
  takes: "5 to 10 minutes",
  sources: import.meta.dirname,
  module: MODULE,
  package: `${MODULE}/cmd/pulumi`,
  file: "pulumi",
  // Without a version of its own, the Automation API refuses it.
  versionVariables: ["github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"],
  prefix: "v",
  variable: "CERTFERRY_PULUMI",
  ask: {
    args: ["version"],
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    answer: /^v(\d+\.\d+\.\d+\S*)/,
  },
  withoutGo: "Install Go, or Pulumi, or set CERTFERRY_PULUMI to the path of a pulumi",
};

/** Finds the Pulumi engine, as findReleased does. @throws Error when none is to be had, with what to do */
export async function findPulumiEngine(options: FindOptions = {}): Promise<PulumiEngine> {
  return await findReleased(ENGINE, options);
}
