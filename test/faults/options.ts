import { Command, InvalidArgumentError } from "commander";
import { LONG, type Profile, SHORT } from "./schedule.ts";

/** What `npm run test:faults` was asked for. */
export interface FaultsOptions {
  /** The seeds to run, in order; without an end where a duration decides. */
  readonly seeds: () => Iterable<number>;
  /** After so long no run is begun any more, in milliseconds. */
  readonly forMs: number;
  readonly profile: Profile;
  readonly parallel: number;
  readonly writeDocs: boolean;
  /** Prints the schedule of each seed, too. */
  readonly verbose: boolean;
  /** A folder for the logs and objects of each run. */
  readonly keep: string | undefined;
  /** Only prints schedules. */
  readonly dry: boolean;
}

export const CI_SEEDS = [1, 2, 3, 4, 5] as const;
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Reads the command line; `--help` and mistakes end the process as commander does. */
export function readOptions(argv: readonly string[]): FaultsOptions {
  const command = new Command("npm run test:faults --")
    .description(
      "Runs seeded chaos: a real API server, two operators, clouds that misbehave, and whatever else fails.",
    )
    .option("--seed <n>", "replay this seed, and show its schedule", whole)
    .option("--seeds <n>", `run so many seeds (unless told: ${CI_SEEDS.join(", ")})`, whole)
    .option("--from <n>", "the first of them", whole, 1)
    .option("--for <duration>", "run one seed after the other for so long, such as 90s, 20m or 1h", duration)
    .option("--long", "two minutes of faults a seed, and reels of thousands")
    .option("--parallel <n>", "so many runs at a time", whole, 1)
    .option("--write-docs", "write the figures into docs/reliability.md")
    .option(
      "--keep <folder>",
      "lay the operators' logs, the audit log and all objects of each run into a folder",
    )
    .option("--schedule", "print what is to happen, and run nothing");
  const flags = command.parse(argv).opts<{
    seed?: number;
    seeds?: number;
    from: number;
    for?: number;
    long?: true;
    parallel: number;
    writeDocs?: true;
    keep?: string;
    schedule?: true;
  }>();
  const endless = flags.for !== undefined && flags.seeds === undefined;
  const last = endless ? Infinity : flags.from + (flags.seeds ?? 0) - 1;
  return {
    seeds: () => {
      if (flags.seed !== undefined) return [flags.seed];
      return endless || flags.seeds !== undefined ? counting(flags.from, last) : CI_SEEDS;
    },
    forMs: flags.for ?? Infinity,
    profile: flags.long === true ? LONG : SHORT,
    parallel: Math.max(1, flags.parallel),
    writeDocs: flags.writeDocs === true,
    verbose: flags.seed !== undefined || flags.schedule === true,
    keep: flags.keep,
    dry: flags.schedule === true,
  };
}

function* counting(from: number, last: number): Generator<number> {
  for (let seed = from; seed <= last; seed += 1) yield seed;
}

function whole(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError("give a whole number");
  return number;
}

function duration(value: string): number {
  const [, number, unit] = /^(\d+)([smh])$/u.exec(value) ?? [];
  if (number === undefined || unit === undefined) {
    throw new InvalidArgumentError("give a duration such as 90s, 20m or 1h");
  }
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}
