import { Command } from "commander";
import { durationArgument, groupArgument } from "./define/arguments.ts";
import { defineBatches } from "./define/batches.ts";
import { defineAccounts } from "./define/accounts.ts";
import { defineReels } from "./define/reels.ts";
import type { Definer } from "./define/definer.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Io, Output } from "./io.ts";
import { VERSION } from "./version.ts";

const HELP_WIDTH = 100;

/** All commands. Nothing is loaded that a command does not need. */
export function makeProgram(io: Io, signal: AbortSignal, done: (code: ExitCode) => void): Command {
  const program = new Command(io.program)
    .description(
      "Certferry brings the device certificates of reels into the product clouds that you declare. This is its command line: it reads and writes the same resources as kubectl, with your own rights.",
    )
    .version(VERSION, "-V, --version", "print the version")
    .option("--kubeconfig <file>", "the kubeconfig to use; KUBECONFIG or ~/.kube/config unless given")
    .option("--context <name>", "the kubeconfig's context to use")
    .option("-n, --namespace <name>", "the account: a namespace; the context's unless given")
    .option("--as <user>", "act as another user")
    .option("--as-group <group>", "with --as: as one of this group; repeatable", groupArgument)
    .option("--request-timeout <time>", "for one request to the cluster, e.g. 10s", durationArgument)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText(
      "after",
      `\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 a right is missing, 4 not found, 5 refused,\n6 needs a person, 7 not reachable, 124 --timeout passed, 130 Ctrl-C.`,
    );
  // Inherited by the commands that are made from here on.
  program.exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
    getOutHelpWidth: () => widthOf(io.stdout),
    getErrHelpWidth: () => widthOf(io.stderr),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    outputError: (text, write) => write(text),
  });
  const definer: Definer = { io, signal, done };
  defineBatches(program, definer);
  defineReels(program, definer);
  defineAccounts(program, definer);
  program
    .command("version")
    .summary("print the version")
    .action(async () => {
      await io.stdout.write(`${VERSION}\n`);
      done(EXIT.ok);
    });
  pointToHelp(program, io.program);
  return program;
}

/** Whoever got a command wrong is shown the way to that command's help. */
function pointToHelp(command: Command, called: string): void {
  command.showHelpAfterError(`(${called} --help says how)`);
  for (const each of command.commands) pointToHelp(each, `${called} ${each.name()}`);
}

function widthOf({ columns }: Output): number {
  return Math.min(columns ?? HELP_WIDTH, HELP_WIDTH);
}
