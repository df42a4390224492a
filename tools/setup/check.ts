// `npm run check`, `npm run fix`
import { installInfra } from "./infra-packages.ts";
import { runChecks } from "./run-checks.ts";
import { say } from "./say.ts";

// The checks read its packages for their types.
await installInfra(say);
const failed = await runChecks({
  fix: process.argv.includes("--fix"),
  ci: process.env["CI"] === "true",
  log: say,
});
if (failed.length > 0) say(`${failed.length} checks failed: ${failed.join("; ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
