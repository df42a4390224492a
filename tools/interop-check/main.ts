import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CaBundleUnreadable } from "../../interop/egress/trust-bundle.ts";
import type { Credentials } from "./credentials.ts";
import { Exchange } from "./exchange.ts";
import { AlreadyIn } from "./given.ts";
import { type CheckKey, KeyUnreadable, readKey } from "./key.ts";
import { type CheckOptions, readCommand, USAGE, UsageError } from "./options.ts";
import { Report } from "./report.ts";
import { type Outcome, runChecks } from "./run.ts";
import { readSamples, Samples, SamplesUnreadable } from "./samples.ts";
import { Subject } from "./subject.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PATIENCE = { tries: 6, waitMs: 1500 };

const out = (text: string): void => void process.stdout.write(text);

async function main(): Promise<number> {
  // npm runs scripts in the project's folder, and says in which one the user is.
  const folder = process.env["INIT_CWD"] ?? process.cwd();
  const command = readCommand(process.argv.slice(2), { folder, key: join(ROOT, ".certferry/interop-check") });
  if (command.kind === "help") {
    out(USAGE);
    return 0;
  }
  if (command.kind === "make-key") {
    tellKey(await readKey(command.key));
    return 0;
  }
  return check(command);
}

async function check(options: CheckOptions): Promise<number> {
  const { credentials, made } = await readCredentials(options.auth);
  const given = options.certs === undefined ? [] : readSamples(await read("--certs", options.certs));
  const ca = options.ca === undefined ? undefined : await read("--ca", options.ca);
  const { stop, signal } = interrupts();
  const wait = async (ms: number): Promise<void> => sleep(ms, undefined, { signal });
  const exchange = new Exchange({ url: options.url, ca, timeoutMs: options.timeoutMs, signal, wait });
  const samples = new Samples(given);
  const { url } = options;
  const subject = new Subject({ url, credentials, exchange, samples, patience: PATIENCE, signal, wait });
  const report = new Report(out, process.stdout.isTTY && process.env["NO_COLOR"] === undefined);
  report.note(`${url}${options.readOnly ? ", without changing its registry" : ""}`);
  try {
    const outcome = await runChecks(subject, {
      readOnly: options.readOnly,
      only: options.only,
      stop,
      onResult: (result) => report.result(result),
      onNote: (text) => report.note(text),
    });
    report.end(outcome);
    if (made?.isNew === false && outcome.results[0]?.verdict === "fail") tellKey(made);
    if (options.json !== undefined) await writeFile(options.json, json(url, outcome));
    return outcome.conforms ? 0 : 1;
  } finally {
    await exchange.close();
  }
}

function json(url: string, { results, ...outcome }: Outcome): string {
  return `${JSON.stringify({ url, ...outcome, results }, null, 2)}\n`;
}

/** The first Ctrl-C ends the checks and takes out what was put in; the second ends that, too. */
function interrupts(): { stop: AbortSignal; signal: AbortSignal } {
  const [soft, hard] = [new AbortController(), new AbortController()];
  const interrupt = (): void => {
    if (soft.signal.aborted) hard.abort();
    else process.stderr.write("\nStopping: what was put in is taken out. Ctrl-C again leaves it.\n");
    soft.abort();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return { stop: soft.signal, signal: hard.signal };
}

async function readCredentials(
  auth: CheckOptions["auth"],
): Promise<{ credentials: Credentials; made?: CheckKey }> {
  if (auth.kind === "bearer") {
    const made = await readKey(auth.key);
    if (made.isNew) tellKey(made);
    return { credentials: { kind: "bearer", key: made.key, audience: auth.audience }, made };
  }
  const line = (await read("--credentials", auth.file)).trimEnd();
  const colon = line.indexOf(":");
  if (colon <= 0) throw new UsageError("--credentials: the file must hold username:password");
  const [username, password] = [line.slice(0, colon), line.slice(colon + 1)];
  return { credentials: { kind: "basic", username, password } };
}

function tellKey({ key, published, isNew }: CheckKey): void {
  if (published === undefined) {
    out(`Its kid is ${key.kid}.\n`);
    return;
  }
  out(`${isNew ? "A key pair was made. Let" : "Let"} the callee trust its public half, which is here:
  ${published.jwks}  a JWKS
  ${published.pem}  PEM, for a callee that takes one key
`);
}

async function read(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new UsageError(`${option}: ${path} cannot be read (${code})`, { cause: error });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${USAGE}`);
  else if (error instanceof SamplesUnreadable) process.stderr.write(`--certs: ${error.message}\n`);
  else if (error instanceof CaBundleUnreadable) process.stderr.write(`--ca: ${error.message}\n`);
  else if (error instanceof KeyUnreadable || error instanceof AlreadyIn)
    process.stderr.write(`${error.message}\n`);
  else throw error;
  process.exitCode = 2;
}
