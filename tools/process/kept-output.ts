import { appendFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { basename, dirname, join } from "node:path";

/**
 * Names the folder in which a run of the tests keeps what everything that it starts writes, to be searched for secrets at
 * its end (tools/setup/output-search.ts). Unset, nothing is kept.
 */
export const KEPT_OUTPUT = "CERTFERRY_KEPT_OUTPUT";
/** The file there that holds the secrets that tests use, a JSON list of name and value a line. */
export const KEPT_SECRETS = "secrets.jsonl";

/** The folder; undefined where nothing is kept. */
export function keptOutput(): string | undefined {
  const folder = process.env[KEPT_OUTPUT];
  return folder === "" ? undefined : folder;
}

/** Keeps a part of what somebody writes. @param of whose it is; it becomes a file's name */
export function keepOutput(of: string, text: string | Uint8Array): void {
  const folder = keptOutput();
  if (folder === undefined) return;
  appendFileSync(join(folder, `${of.replaceAll(/[^\w.-]+/g, "-")}.log`), text);
}

/** Keeps all that a stream brings from now on. */
export function keepStream(of: string, stream: Readable | null): void {
  if (keptOutput() === undefined) return;
  stream?.on("data", (chunk: Buffer) => keepOutput(of, chunk));
}

/** Has a secret looked for, wherever something was written. @param name what it is, which a finding tells */
export function keepSecret(name: string, value: string): void {
  const folder = keptOutput();
  if (folder === undefined) return;
  appendFileSync(join(folder, KEPT_SECRETS), `${JSON.stringify([name, value])}\n`, { mode: 0o600 });
}

/** A name for a process: that of the script that Node runs, with its folder, or of the command. */
export function outputName(command: string, args: readonly string[]): string {
  const script = args.find((arg) => /\.(?:[mc]?js|ts)$/.test(arg) && !arg.startsWith("-"));
  return script === undefined ? basename(command) : `${basename(dirname(script))}-${basename(script)}`;
}
