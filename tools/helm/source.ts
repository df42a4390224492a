import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { findReleased } from "../go-build/released-program.ts";
import type { ReleasedProgram } from "../go-build/released-program.ts";

const MODULE = "helm.sh/helm/v4";

const HELM: ReleasedProgram = {
  name: "helm",
  what: "helm",
  takes: "three minutes",
  sources: import.meta.dirname,
  module: MODULE,
  package: `${MODULE}/cmd/helm`,
  file: "helm",
  versionVariables: [`${MODULE}/internal/version.version`],
  prefix: "v",
  variable: "CERTFERRY_HELM",
  ask: { args: ["version", "--template", "{{.Version}}"], answer: /^v(\d+\.\d+\.\d+\S*)/ },
  withoutGo: "Install Go, or Helm, or set CERTFERRY_HELM to the path of a helm",
};

/** Finds helm, as findReleased does. @throws Error when none is to be had, with what to do */
export async function findHelm(options: FindOptions = {}): Promise<FoundProgram> {
  return await findReleased(HELM, options);
}
