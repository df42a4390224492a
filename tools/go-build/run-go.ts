import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { clockTime } from "../build-cache/build-cache.ts";
import { OwnedProcess, describeEnding } from "../process/owned-process.ts";

const PROGRESS_EVERY_MS = 10_000;
/** As long as the slowest build takes on a slow machine. */
export const BUILD_DEADLINE_MS = 45 * 60_000;

const run = promisify(execFile);

export interface GoRun {
  /** What stands before each line of progress. */
  readonly name: string;
  /** The folder of the go.mod. */
  readonly sources: string;
  readonly log: (message: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Begins the error's message. */
  readonly failure: string;
  /** Makes a line for people of what go has written to stderr since the last time. */
  readonly progress: (lines: readonly string[]) => string;
}

/**
 * Runs go in the sources' folder, with a line of progress every ten seconds.
 * @returns the lines of its standard output
 * @throws Error when it fails, with what it wrote
 */
export async function runGo(args: readonly string[], options: GoRun): Promise<readonly string[]> {
  const started = Date.now();
  const go = await OwnedProcess.start({ command: "go", args, cwd: options.sources, env: options.env });
  const stdout: string[] = [];
  let news: string[] = [];
  go.onLine((line, stream) => (stream === "stdout" ? stdout : news).push(line));
  const ticker = setInterval(() => {
    options.log(`${options.name}: ${clockTime(started)}  ${options.progress(news)}`);
    news = [];
  }, PROGRESS_EVERY_MS);
  const giveUp = (): void => void go.kill();
  const deadline = setTimeout(giveUp, BUILD_DEADLINE_MS);
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const ending = await go.ended;
    options.signal?.throwIfAborted();
    if (ending.code === 0) return stdout;
    const words = go.tail("stderr").slice(-30).join("\n  ");
    throw new Error(`${options.failure} (${describeEnding(ending)}); go wrote:\n  ${words}`);
  } finally {
    clearInterval(ticker);
    clearTimeout(deadline);
    options.signal?.removeEventListener("abort", giveUp);
  }
}

/**
 * As `go env` prints it, such as go1.26.8, with what does not fit into a file's name replaced.
 * @throws Error when Go is not on the PATH, or is too old for the sources and may not fetch a newer one
 */
export async function goVersion(sources: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run("go", ["env", "GOVERSION"], { cwd: sources, env, timeout: 10 * 60_000 });
  return stdout.trim().replaceAll(/[^\w.-]/g, "_");
}
