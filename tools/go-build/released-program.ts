import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { findProgram } from "./find-program.ts";
import type { FindOptions, FoundProgram } from "./find-program.ts";
import { COMPILE_FLAGS } from "./go-program.ts";
import type { GoProgram } from "./go-program.ts";
import { moduleVersion } from "./module-version.ts";

const ASK_MS = 60_000;

const run = promisify(execFile);

/** A program that is released with versions, may be installed, and can be built from its Go module. */
export interface ReleasedProgram extends Omit<GoProgram, "flags"> {
  /** Whose version in the go.mod of `sources` is the one that is built, and the oldest that will do. */
  readonly module: string;
  /** The variables of the program that hold its version; each is set to `prefix` and the version. */
  readonly versionVariables: readonly string[];
  readonly prefix: "v" | "";
  /** The environment variable that may name one. */
  readonly variable: string;
  readonly ask: {
    readonly args: readonly string[];
    readonly env?: NodeJS.ProcessEnv;
    /** Finds the version, without a prefix, in what it prints. */
    readonly answer: RegExp;
  };
}

/**
 * Finds such a program: the one that its environment variable names, the PATH's if it is not older than the version in
 * go.mod, an earlier build, or a build from the Go modules.
 * @throws Error when none is to be had, with what to do
 */
export async function findReleased(
  program: ReleasedProgram,
  options: FindOptions = {},
): Promise<FoundProgram> {
  const { module, sources, prefix, variable, ask } = program;
  const version = await moduleVersion(sources, module);
  const set = program.versionVariables.map((name) => `-X ${name}=${prefix}${version}`).join(" ");
  const built: GoProgram = {
    ...program,
    flags: async () => await Promise.resolve([...COMPILE_FLAGS, `-ldflags=-s -w ${set}`]),
  };
  const versionOf = async (path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> => {
    const said = await run(path, [...ask.args], { env: { ...env, ...ask.env }, timeout: ASK_MS }).catch(
      () => undefined,
    );
    return ask.answer.exec(said?.stdout ?? "")?.[1];
  };
  return await findProgram(built, { variable, version, versionOf }, options);
}
