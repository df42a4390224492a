// `npm run check`, `npm run fix`
import { runChecks } from "./run-checks.ts";
import { say } from "./say.ts";

const failed = await runChecks({
  fix: process.argv.includes("--fix"),
  ci: process.env["CI"] === "true",
  log: say,
});
if (failed.length > 0) say(`${failed.length} checks failed: ${failed.join("; ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
