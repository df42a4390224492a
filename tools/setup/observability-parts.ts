import { findPromtool } from "../promtool/source.ts";
import { mayRun } from "./filters.ts";

/**
 * Makes sure of promtool, which the alerts are tested with (it may be downloaded or built now). Where it is not to be
 * had that is told; the tests that need it are skipped then, and fail in CI.
 */
export async function prepareObservabilityParts(log: (message: string) => void): Promise<void> {
  try {
    await findPromtool({ log });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
  }
}

/** Whether vitest, given these arguments, may run tests that need it: without a filter, or with one that names their room. */
export function needsObservabilityParts(args: readonly string[]): boolean {
  return mayRun(args, /observ|alert|promtool/);
}
