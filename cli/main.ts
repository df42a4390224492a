#!/usr/bin/env node
import { basename } from "node:path";
import { systemClock } from "../operator/runtime/clock.ts";
import { Interrupted } from "./exit.ts";
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
const gone = (): void => stopping.abort(new Interrupted("SIGPIPE"));

const stdout = outputOn(process.stdout, gone);
const code = await run(
  process.argv.slice(2),
  {
    stdout,
    stderr: outputOn(process.stderr, gone),
    stdin: process.stdin,
    env: process.env,
    clock: systemClock,
    random: Math.random,
    program: basename(process.argv[1] ?? "").startsWith("kubectl-") ? "kubectl certferry" : "certferry",
  },
  stopping.signal,
);
const { reason } = stopping.signal as { reason: unknown };
const broken = reason instanceof Interrupted && reason.message.endsWith("SIGPIPE");
process.exitCode = broken ? reason.exit : code;
// Nothing that is left open (a standard input that nobody reads) keeps the process.
await stdout.write("");
process.stdin.unref?.();
