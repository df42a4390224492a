import { findGitopsHealth } from "../gitops-health/source.ts";
import { findHadolint } from "../hadolint/source.ts";
import { findHelm } from "../helm/source.ts";
import { findKubectl } from "../kubectl/source.ts";
import { mayRun } from "./filters.ts";

/**
 * Makes sure of what the tests of the installation run on: helm and kubectl (they may be built now, which takes
 * minutes), what GitOps tools judge by, and hadolint. One that is not to be had is told of here; the tests that need it are skipped then, and fail in CI.
 */
export async function prepareInstallParts(log: (message: string) => void): Promise<void> {
  for (const find of [findHelm, findKubectl, findGitopsHealth, findHadolint]) {
    try {
      await find({ log });
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Whether vitest, given these arguments, may run tests that need them: without a filter, or with one that names their rooms. */
export function needsInstallParts(args: readonly string[]): boolean {
  return mayRun(args, /install|chart|helm|image|gitops/);
}
