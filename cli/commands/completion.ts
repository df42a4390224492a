import type { Command, Option } from "commander";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** How long names from the cluster are waited for when Tab is pressed. */
const PATIENCE_MS = 2_000;

/** What each shell runs: it asks the program itself, so that names of the cluster are completed too. */
const SCRIPTS: Record<Shell, string> = {
  bash: `# certferry completion for bash: source <(certferry completion bash)
_certferry() {
  local name
  COMPREPLY=()
  # Not compgen -W, which would run what a name says.
  while IFS= read -r name; do
    COMPREPLY+=("$(printf %q "$name")")
  done < <(certferry __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _certferry certferry
`,
  zsh: `#compdef certferry
# certferry completion for zsh: source <(certferry completion zsh), or as _certferry in a folder of $fpath
_certferry() {
  local -a found
  found=("\${(@f)$(certferry __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" = _certferry ]]; then _certferry "$@"; else compdef _certferry certferry; fi
`,
  fish: `# certferry completion for fish: certferry completion fish | source
function __certferry
  set -l words (commandline -opc) (commandline -ct)
  set -l found (certferry __complete -- $words[2..-1] 2>/dev/null)
  if set -q found[1]
    printf '%s\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c certferry -f -a '(__certferry)'
`,
};

/** Prints the script that makes a shell complete commands, options and names. */
export async function completion({ io }: Context, shell: string): Promise<ExitCode> {
  const known = SHELLS.find((each) => each === shell);
  if (known === undefined) throw new CliError(EXIT.usage, `${shell} is none of ${SHELLS.join(", ")}`);
  await io.stdout.write(SCRIPTS[known]);
  return EXIT.ok;
}

/** Prints what may stand in the place of the last of these words. Silent where it does not know. */
export async function complete(
  context: Context,
  program: Command,
  words: readonly string[],
): Promise<ExitCode> {
  const fitting = await fittingFor(context, program, words);
  if (fitting.length > 0) await context.io.stdout.write(`${fitting.join("\n")}\n`);
  return EXIT.ok;
}

/** What kubectl's own completion reads of a plugin's, after the names: whether files are offered beside them. */
const DIRECTIVE = { default: ":0", noFiles: ":4" } as const;

/**
 * The same for kubectl, which asks the program `kubectl_complete-certferry` for what comes after `kubectl certferry`
 * (kubernetes/sample-cli-plugin, "Shell completion"; its directives are those of spf13/cobra).
 */
export async function completeForKubectl(
  context: Context,
  program: Command,
  words: readonly string[],
): Promise<ExitCode> {
  const fitting = await fittingFor(context, program, words);
  const directive = fitting.length > 0 ? DIRECTIVE.noFiles : DIRECTIVE.default;
  await context.io.stdout.write([...fitting, directive].map((line) => `${line}\n`).join(""));
  return EXIT.ok;
}

async function fittingFor(
  context: Context,
  program: Command,
  words: readonly string[],
): Promise<readonly string[]> {
  const { command, before, argument } = walk(program, words.slice(0, -1));
  const typed = words.at(-1) ?? "";
  const candidates = await candidatesFor(context, { command, argument, before, typed });
  return candidates.filter((candidate) => candidate.startsWith(typed)).sort();
}

interface Place {
  readonly command: Command;
  /** The option that awaits its value. */
  readonly before: Option | undefined;
  /** Which argument is typed; the first is 0. */
  readonly argument: number;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let before: Option | undefined;
  let argument = 0;
  for (const word of words) {
    if (before !== undefined) {
      before = undefined;
      continue;
    }
    if (word.startsWith("-")) {
      const option = optionsOf(command).find(({ short, long }) => word === short || word === long);
      before = option?.required === true ? option : undefined;
      continue;
    }
    const sub = command.commands.find((each) => each.name() === word);
    if (sub === undefined) argument += 1;
    else command = sub;
  }
  return { command, before, argument };
}

/** Its own, and those that hold everywhere. */
function optionsOf(command: Command): Option[] {
  const own: Option[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) own.push(...each.options);
  return own;
}

async function candidatesFor(context: Context, place: Place & { typed: string }): Promise<readonly string[]> {
  const { command, before, argument, typed } = place;
  if (before !== undefined) {
    if (before.argChoices !== undefined) return before.argChoices;
    return await namesOf(context, before.long ?? "");
  }
  if (typed.startsWith("-"))
    return optionsOf(command).flatMap(({ long, hidden }) => (hidden ? [] : (long ?? [])));
  const subs = command.commands.map((each) => each.name()).filter((name) => !name.startsWith("__"));
  if (subs.length > 0) return subs;
  const wanted = command.registeredArguments[argument];
  return wanted === undefined ? [] : (wanted.argChoices ?? (await namesOf(context, wanted.name())));
}

/** Names of the cluster, for an option or an argument of this name. */
async function namesOf(context: Context, what: string): Promise<readonly string[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    const { atCluster } = await import("../cluster/session.ts");
    return await atCluster({ ...context, signal }, async (session) => {
      const { namespace } = session;
      switch (what) {
        case "BATCH":
          return nameList((await session.batches.list({ namespace }, signal)).items);
        case "--cloud":
        case "CLOUD":
          return nameList((await session.cloudApis.list({ namespace }, signal)).items);
        case "BID":
          return (await session.reels.list({}, signal)).items.map(({ spec }) => spec.batchId);
        case "--namespace":
          return nameList((await session.namespaces.list({}, signal)).items);
        case "--context":
          return session.chosen.config.getContexts().map(({ name }) => name);
        default:
          return [];
      }
    });
  } catch {
    // Who presses Tab wants no error: there is nothing to offer.
    return [];
  }
}

function nameList(objects: readonly { metadata: { name: string } }[]): string[] {
  return objects.map(({ metadata }) => metadata.name);
}
