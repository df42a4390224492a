import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { findReleased } from "../go-build/released-program.ts";
import type { ReleasedProgram } from "../go-build/released-program.ts";

const MODULE = "k8s.io/kubernetes";

const KUBECTL: ReleasedProgram = {
  name: "kubectl",
  what: "kubectl",
  takes: "a minute or two after the control plane, whose packages it shares",
  sources: import.meta.dirname,
  module: MODULE,
  package: `${MODULE}/cmd/kubectl`,
  file: "kubectl",
  versionVariables: ["k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"],
  prefix: "v",
  variable: "CERTFERRY_KUBECTL",
  ask: { args: ["version", "--client", "--output=json"], answer: /"gitVersion": "v(\d+\.\d+\.\d+[^"]*)"/ },
  withoutGo: "Install Go, or kubectl, or set CERTFERRY_KUBECTL to the path of a kubectl",
};

/** Finds kubectl, as findReleased does. @throws Error when none is to be had, with what to do */
export async function findKubectl(options: FindOptions = {}): Promise<FoundProgram> {
  return await findReleased(KUBECTL, options);
}
