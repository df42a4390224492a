import { findToxiproxy } from "../toxiproxy/source.ts";
import { mayRun } from "./filters.ts";

/**
 * Makes sure of toxiproxy, which stands between operators and clouds in the fault tests (it may be built now). Where it
 * is not to be had that is told; the tests that need it are skipped then, and fail in CI.
 */
export async function prepareFaultParts(log: (message: string) => void): Promise<void> {
  try {
    await findToxiproxy({ log });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
  }
}

/** Whether vitest, given these arguments, may run tests that need it: without a filter, or with one that names their rooms. */
export function needsFaultParts(args: readonly string[]): boolean {
  return mayRun(args, /fault|toxi/);
}
