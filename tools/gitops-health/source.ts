import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { buildGoProgram, cachedGoProgram, COMPILE_FLAGS } from "../go-build/go-program.ts";
import type { FindOptions } from "../go-build/find-program.ts";
import type { GoProgram } from "../go-build/go-program.ts";

const VARIABLE = "CERTFERRY_GITOPS_HEALTH";

const run = promisify(execFile);

const GITOPS_HEALTH: GoProgram = {
  name: "gitops-health",
  what: "kstatus and Argo CD's Lua interpreter",
  takes: "some seconds after the control plane, whose packages it shares",
  sources: import.meta.dirname,
  package: ".",
  file: "gitops-health",
  flags: async () => await Promise.resolve([...COMPILE_FLAGS, "-ldflags=-s -w"]),
  withoutGo: `Install Go, or set ${VARIABLE} to the path of a gitops-health`,
};

/**
 * Finds the program of this folder: `$CERTFERRY_GITOPS_HEALTH`, an earlier build, or a build from the Go modules.
 * @returns its path
 * @throws Error when none is to be had, with what to do
 */
export async function findGitopsHealth(options: FindOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const named = env[VARIABLE];
  if (named !== undefined && named !== "") return named;
  const cached = await cachedGoProgram(GITOPS_HEALTH, env);
  if (cached !== undefined) return cached;
  return await buildGoProgram(GITOPS_HEALTH, {
    log: options.log ?? (() => {}),
    env,
    ...(options.signal && { signal: options.signal }),
  });
}

/** How a tool judges an object; statuses are the tool's own words. */
export interface Verdict {
  readonly status: string;
  readonly message: string;
}

/** How Flux sees objects: `Current`, `InProgress`, `Failed`, `Terminating`. */
export async function kstatusOf(objects: readonly object[]): Promise<Verdict[]> {
  return await judged(["kstatus"], objects);
}

/**
 * How Argo CD sees objects with a health check.
 * @param script the path of a file in Lua
 * @throws Error when the script fails, or returns what Argo CD would not take
 */
export async function argoHealthOf(script: string, objects: readonly object[]): Promise<Verdict[]> {
  return await judged(["argocd", script], objects);
}

async function judged(args: readonly string[], objects: readonly object[]): Promise<Verdict[]> {
  const answer = run(await findGitopsHealth(), args, { timeout: 60_000, maxBuffer: 1e8 });
  answer.child.stdin?.end(JSON.stringify(objects));
  return JSON.parse((await answer).stdout) as Verdict[];
}
