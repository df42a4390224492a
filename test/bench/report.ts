import { writeFile } from "node:fs/promises";
import type { Machine } from "./machine.ts";
import { allMet, type JudgedFigure, type ScenarioResult } from "./runner.ts";
import type { Goal } from "./scenario.ts";

/** What `--json` writes. */
export interface BenchReport {
  /** RFC 3339, of the beginning. */
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** A smoke run. */
  readonly quick: boolean;
  /** Whether all of it was met. */
  readonly met: boolean;
  readonly scenarios: readonly ScenarioResult[];
}

export function reportOf(
  results: readonly ScenarioResult[],
  run: Pick<BenchReport, "date" | "machine" | "rounds" | "quick">,
): BenchReport {
  return { ...run, met: allMet(results), scenarios: results };
}

export async function writeJson(report: BenchReport, path: string): Promise<void> {
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
}

/** The lines that are shown of one scenario. */
export function linesOf({ name, seconds, figures, error }: ScenarioResult): string[] {
  if (error !== undefined) return [`${name}: BROKEN after ${seconds} s: ${error}`];
  const lines = figures.map((figure) => `  ${verdictOf(figure).padEnd(7)} ${figure.what}: ${shown(figure)}`);
  return [`${name} (${seconds} s)`, ...lines];
}

/** A value and its unit with its goal: `0.71 × (at least 0.6)`. */
export function shown({ value, unit, goal }: Pick<JudgedFigure, "value" | "unit" | "goal">): string {
  const held = goal === undefined ? "" : ` (${goalText(goal)})`;
  return `${numberText(value)}${unit === "" ? "" : ` ${unit}`}${held}`;
}

export function goalText(goal: Goal): string {
  return `${goal.is} ${numberText(goal.value)}`;
}

/** `met`, `NOT MET`, or nothing for a figure without a goal. */
export function verdictOf({ goal, met }: JudgedFigure): string {
  if (goal === undefined) return "";
  return met ? "met" : "NOT MET";
}

/** Three digits that mean something; thousands in groups. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  return digits.toLocaleString("en-GB", { maximumFractionDigits: 6 });
}
