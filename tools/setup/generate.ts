// `npm run generate`: all files that are made from sources and committed.
import { join, resolve } from "node:path";

import { runInForeground } from "../process/foreground.ts";
import { installInfra } from "./infra-packages.ts";
import { say } from "./say.ts";

const ROOT = resolve(import.meta.dirname, "../..");

await installInfra(say);
for (const room of ["crds", "infra", "charts"]) {
  const script = join(room, "generate.ts");
  const exitCode = await runInForeground({ command: process.execPath, args: [script], cwd: ROOT });
  if (exitCode !== 0) process.exitCode = exitCode;
}
