import type { Command } from "commander";
import type { ClusterFlags } from "../cluster/kubeconfig.ts";
import type { Context } from "../context.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

/** What the definitions of commands are made with. */
export interface Definer {
  readonly io: Io;
  readonly signal: AbortSignal;
  /** Told how a command has ended. */
  readonly done: (code: ExitCode) => void;
}

/**
 * An action for commander. What a command needs is loaded when it is called, so that `--help` and completion do not
 * wait for a client of Kubernetes.
 */
export function action(
  { io, signal, done }: Definer,
  work: (context: Context, args: readonly (string | undefined)[], command: Command) => Promise<ExitCode>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // Commander gives the arguments, then the options, then the command.
    const command = given.at(-1) as Command;
    const args = given.slice(0, -2) as (string | undefined)[];
    done(await work({ io, signal, flags: command.optsWithGlobals<ClusterFlags>() }, args, command));
  };
}

/** Examples under a command's help. */
export function examples(
  command: Command,
  program: string,
  lines: readonly (readonly [string, string])[],
): void {
  const text = lines.map(([what, line]) => `  # ${what}\n  ${program} ${line}`).join("\n\n");
  command.addHelpText("after", `\nExamples:\n${text}`);
}
