import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { type Figure, type Scenario } from "./scenario.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** What the benchmark is asked for. */
export interface BenchOptions {
  /** In the order of the table. */
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly writeDocs: boolean;
  /** A remark on the circumstances, for the document. */
  readonly note: string | undefined;
  readonly cacheDir: string;
  readonly profileDir: string | undefined;
  /** Values that take the place of a goal's, by `scenario.figure`. */
  readonly goals: ReadonlyMap<string, number>;
}

/**
 * Reads the command line; `--help`, `--list` and mistakes end the process as commander does.
 * @param argv as `process.argv`
 */
export function readOptions(argv: readonly string[], all: readonly Scenario[]): BenchOptions {
  const names = all.map(({ name }) => name).join(", ");
  const command = new Command("bench")
    .description(`Measures Certferry against its goals. Scenarios: ${names}.`)
    .option("--only <scenario>", "run this one; repeatable", collect, [])
    .option("--rounds <n>", "paired rounds, of which the median counts", positiveInteger, 5)
    .option("--quick", "a smoke run with a fraction of the devices; its figures say nothing of speed", false)
    .option("--json <file>", "write each figure with its goal and whether it was met")
    .option("--write-docs", "write docs/benchmarks.md", false)
    .option("--note <text>", "a remark on the circumstances, for docs/benchmarks.md")
    .option(
      "--goal <scenario.figure=value>",
      "hold a figure against another value; repeatable",
      goal,
      new Map(),
    )
    .option("--profile <dir>", "have operators leave CPU profiles there when they end")
    .option("--cache-dir <dir>", "where made-up manifests are kept", resolve(ROOT, ".certferry/bench"));
  const flags = command.parse(argv).opts<{
    only: string[];
    rounds: number;
    quick: boolean;
    json?: string;
    writeDocs: boolean;
    note?: string;
    goal: Map<string, number>;
    cacheDir: string;
    profile?: string;
  }>();
  const unknown = flags.only.filter((name) => !all.some((scenario) => scenario.name === name));
  if (unknown.length > 0) command.error(`there is no scenario ${unknown.join(", ")}; there are ${names}`);
  if (flags.writeDocs && (flags.quick || flags.only.length > 0)) {
    command.error("--write-docs publishes a whole run: leave out --quick and --only");
  }
  return {
    scenarios: flags.only.length === 0 ? all : all.filter(({ name }) => flags.only.includes(name)),
    rounds: flags.quick ? 1 : flags.rounds,
    quick: flags.quick,
    json: flags.json,
    writeDocs: flags.writeDocs,
    note: flags.note,
    cacheDir: resolve(flags.cacheDir),
    profileDir: flags.profile === undefined ? undefined : resolve(flags.profile),
    goals: flags.goal,
  };
}

/** A figure with the goal that was asked for in place of its own. */
export function withGoal(scenario: string, figure: Figure, goals: ReadonlyMap<string, number>): Figure {
  const value = goals.get(`${scenario}.${figure.name}`);
  if (value === undefined || figure.goal === undefined) return figure;
  return { ...figure, goal: { ...figure.goal, value } };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, ...value.split(",")];
}

function goal(text: string, before: ReadonlyMap<string, number>): Map<string, number> {
  const [, name, value] = /^([\w-]+\.[\w-]+)=(-?[\d.]+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError("give scenario.figure=value, such as latency.speedup=7");
  }
  return new Map(before).set(name, Number(value));
}

function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("give a whole number above 0");
  return number;
}
