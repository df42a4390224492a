#!/usr/bin/env node
import { basename } from "node:path";
import { systemClock } from "../operator/runtime/clock.ts";
import { CliError, EXIT, Interrupted } from "./exit.ts";
import { outputOn } from "./io.ts";
import { run } from "./run.ts";

const stopping = new AbortController();
const told = { SIGINT: 0, SIGTERM: 0 };
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    told[name] += 1;
    // Who asks twice does not want to wait for an orderly end.
    if (told[name] > 1) process.exit(new Interrupted(name).exit);
    stopping.abort(new Interrupted(name));
  });
}
// A reader that has gone is no fault: what was to be written is of no use to anybody.
const gone = (): void => stopping.abort(new Interrupted("SIGPIPE"));

const called = basename(process.argv[1] ?? "").replace(/\.(?:c|m)?[jt]s$/u, "");
const given = process.argv.slice(2);
/** By this name kubectl asks what may come next on its command line. */
const completes = called === "kubectl_complete-certferry";
const stdout = outputOn(process.stdout, (error) => {
  if (error.code === "EPIPE") gone();
  else stopping.abort(new CliError(EXIT.failed, `the output cannot be written: ${error.message}`));
});
const code = await run(
  completes ? ["__kubectl_complete", "--", ...given] : given,
  {
    stdout,
    stderr: outputOn(process.stderr, gone),
    stdin: process.stdin,
    env: process.env,
    clock: systemClock,
    random: Math.random,
    program: called.startsWith("kubectl") ? "kubectl certferry" : "certferry",
  },
  stopping.signal,
);
// What is on its way is written, or fails, by then.
await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
const { reason } = stopping.signal as { reason: unknown };
const broken = reason instanceof Interrupted && reason.message.endsWith("SIGPIPE");
const unwritten = reason instanceof CliError;
// Said already where the command was stopped by it.
if (unwritten && code !== reason.exit) process.stderr.write(`error: ${reason.message}\n`);
process.exitCode = broken || unwritten ? reason.exit : code;
// Nothing that is left open (a standard input that nobody reads) keeps the process.
process.stdin.unref?.();
