// `npm test [-- VITEST ARGUMENTS]`
import { countsLine } from "./counts.ts";
import { runTests } from "./run-tests.ts";
import { say } from "./say.ts";

try {
  const counts = await runTests({ args: process.argv.slice(2), log: say });
  for (const note of [...counts.notes, ...counts.troubles]) say(note);
  process.stdout.write(`${countsLine(counts)}\n`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
