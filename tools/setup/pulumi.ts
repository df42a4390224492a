// `npm run pulumi -- ARGUMENTS`: Pulumi, on the Node that the dependencies bring, with infra's packages installed.
import { spawn } from "node:child_process";
import { constants } from "node:os";

import { installInfra } from "./infra-packages.ts";
import { say } from "./say.ts";

/** Ctrl-C reaches Pulumi by itself; it ends its update in order, and we wait for that. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

try {
  await installInfra(say);
  const child = spawn("pulumi", process.argv.slice(2), { stdio: "inherit" });
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  process.exitCode = await new Promise<number>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) =>
      done(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
} catch (error) {
  const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
  say(
    missing
      ? "Pulumi is not installed, or not on the PATH: see https://www.pulumi.com/docs/install/"
      : error instanceof Error
        ? error.message
        : String(error),
  );
  process.exitCode = 1;
}
