import { findChromium } from "../chromium/source.ts";
import { mayRun } from "./filters.ts";

/**
 * Makes sure of the Chromium that the console's pages are tested in (it may be installed now). Where it is not to be had
 * that is told; the tests that need it are skipped then, and fail in CI.
 */
export async function prepareConsoleParts(log: (message: string) => void): Promise<void> {
  try {
    await findChromium({ log });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
  }
}

/** Whether vitest, given these arguments, may run tests that need it: without a filter, or with one that names their room. */
export function needsConsoleParts(args: readonly string[]): boolean {
  return mayRun(args, /console|chromium/);
}
