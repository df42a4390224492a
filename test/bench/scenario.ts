/** What a figure is held against. */
export interface Goal {
  readonly is: "at least" | "at most";
  readonly value: number;
}

/** One measured number. */
export interface Figure {
  /** Unique within its scenario, in kebab-case: `--goal SCENARIO.NAME=VALUE` names it. */
  readonly name: string;
  /** What it says, for people. */
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Undefined for a figure that only explains another one. */
  readonly goal?: Goal;
}

/** What a scenario is given. */
export interface BenchContext {
  /** Paired rounds whose median counts. */
  readonly rounds: number;
  /** A smoke run: the same steps with a fraction of the devices. Its figures say nothing of speed. */
  readonly quick: boolean;
  /** Where generated manifests are kept between runs. */
  readonly cacheDir: string;
  /** Where operators leave CPU profiles; undefined: they make none. */
  readonly profileDir: string | undefined;
  /** Tells what goes on. */
  readonly log: (message: string) => void;
}

/** One row of the table, or some that are measured together. */
export interface Scenario {
  readonly name: string;
  /** What is measured, and how, in a few sentences: stands in the published document. */
  readonly about: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

/** Whether a figure is as it should be; one without a goal always is. Not a number is never. */
export function isMet({ value, goal }: Pick<Figure, "value" | "goal">): boolean {
  if (goal === undefined) return true;
  return goal.is === "at least" ? value >= goal.value : value <= goal.value;
}

export function atLeast(value: number): Goal {
  return { is: "at least", value };
}

export function atMost(value: number): Goal {
  return { is: "at most", value };
}
