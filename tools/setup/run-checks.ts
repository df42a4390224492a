import { checks } from "./checks.ts";
import type { Check } from "./checks.ts";

/**
 * Runs the checks one after the other and tells of each. In CI a check that must be skipped has failed, unless it is excused.
 * @returns the names of those that failed
 */
export async function runChecks(options: {
  readonly fix?: boolean;
  readonly ci?: boolean;
  readonly log: (message: string) => void;
  readonly only?: readonly Check[];
}): Promise<string[]> {
  const failed: string[] = [];
  for (const check of options.only ?? checks({ fix: options.fix === true })) {
    const started = Date.now();
    const result = await check.run().catch((error: unknown) => String(error));
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    if (result === undefined) {
      options.log(`ok      ${check.name} (${took})`);
    } else if (typeof result !== "string" && (options.ci !== true || result.excused === true)) {
      options.log(`skipped ${check.name}: ${result.skip}`);
    } else {
      failed.push(check.name);
      options.log(`FAILED  ${check.name} (${took})\n${typeof result === "string" ? result : result.skip}`);
    }
  }
  return failed;
}
