// What .ci/run runs: the checks, then all tests. A failed check counts as one failure. The counts go to the file
// that is named by --counts-file, so that the caller can print them as the very last line.
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { findControlPlane } from "../control-plane/launcher.ts";
import { prepareCloudParts } from "./cloud-parts.ts";
import { prepareConsoleParts } from "./console-parts.ts";
import { countsLine, withFailedSteps } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { prepareFaultParts } from "./fault-parts.ts";
import { prepareInstallParts } from "./install-parts.ts";
import { prepareObservabilityParts } from "./observability-parts.ts";
import { runChecks } from "./run-checks.ts";
import { runVitest } from "./run-tests.ts";
import { say } from "./say.ts";

const { values } = parseArgs({ options: { "counts-file": { type: "string" } } });
const countsFile = values["counts-file"];
const failedSteps: string[] = [];
let tests: Counts = { passed: 0, failed: 0, skipped: 0, notes: [], troubles: [] };

/** A step that throws is a failure to be counted; the next steps still run and tell what they can. */
async function step(name: string, work: () => Promise<void>): Promise<void> {
  say(`--- ${name}`);
  try {
    await work();
  } catch (error) {
    failedSteps.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

await step("control plane", async () => {
  await findControlPlane({ log: say });
});
await step("parts of the product clouds", async () => {
  await prepareCloudParts(say);
});
await step("parts of the fault tests", async () => {
  await prepareFaultParts(say);
  await prepareObservabilityParts(say);
});
await step("parts of the tests of the installation and the console", async () => {
  await prepareInstallParts(say);
  await prepareConsoleParts(say);
});
await step("check", async () => {
  for (const name of await runChecks({ ci: true, log: say })) failedSteps.push(`check failed: ${name}`);
});
await step("test", async () => {
  tests = await runVitest({ search: true });
});

const counts = withFailedSteps(tests, failedSteps);
for (const note of [...counts.notes, ...counts.troubles]) say(note);
const line = countsLine(counts);
if (countsFile === undefined) process.stdout.write(`${line}\n`);
else await writeFile(countsFile, `${line}\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;
