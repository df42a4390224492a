import { findAwsEmulator } from "../aws-emulator/source.ts";
import { findKubectl } from "../kubectl/source.ts";
import { findPulumiEngine } from "../pulumi-engine/source.ts";
import { installInfra } from "./infra-packages.ts";
import { mayRun } from "./filters.ts";

type Log = (message: string) => void;

/**
 * Makes sure of what the tests of the product clouds run on: infra's packages, kubectl and a Pulumi engine (they may be
 * built now, which takes minutes), and an AWS emulator. One that is not to be had is told of here; the tests that need it are
 * skipped then, and fail in CI.
 * @throws Error when infra's packages cannot be installed
 */
export async function prepareCloudParts(log: Log): Promise<void> {
  await installInfra(log);
  for (const find of [findAwsEmulator, findKubectl, findPulumiEngine]) {
    try {
      await find({ log });
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Whether vitest, given these arguments, may run tests that need them: without a filter, or with one that names their rooms. */
export function needsCloudParts(args: readonly string[]): boolean {
  return mayRun(args, /e2e|infra|aws/);
}
