import { CommanderError } from "commander";
import { explain } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";
import { paintFor, harmless } from "./output/colour.ts";
import { makeProgram } from "./program.ts";

/**
 * Runs one command line to its end.
 * @param argv without the program's own name
 * @returns the exit code; never rejects
 */
export async function run(argv: readonly string[], io: Io, signal: AbortSignal): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  try {
    const program = makeProgram(io, signal, (ended) => (code = ended));
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { exit, message, hint } = explain(error);
    if (message === "") return exit;
    const paint = paintFor(io.stderr, io);
    const lines = [`${paint("red", "error:")} ${harmless(message)}`];
    for (const line of hint?.split("\n") ?? []) lines.push(`  ${harmless(line)}`);
    await io.stderr.write(`${lines.join("\n")}\n`);
    const debug = (io.env["CERTFERRY_DEBUG"] ?? "") !== "";
    if (debug && error instanceof Error) await io.stderr.write(`${error.stack ?? ""}\n`);
    return exit;
  }
}
