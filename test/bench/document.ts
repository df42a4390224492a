import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type BenchReport, goalText, numberText, verdictOf } from "./report.ts";
import type { JudgedFigure, ScenarioResult } from "./runner.ts";

const DOCUMENT = resolve(import.meta.dirname, "../../docs/benchmarks.md");

/**
 * Writes docs/benchmarks.md from a whole run.
 * @param note what has to be known of the circumstances
 */
export async function writeDocument(report: BenchReport, note: string | undefined): Promise<void> {
  await writeFile(DOCUMENT, documentOf(report, note));
}

export function documentOf(report: BenchReport, note: string | undefined): string {
  const { machine, date, rounds, scenarios } = report;
  const minutes = Math.round(scenarios.reduce((sum, { seconds }) => sum + seconds, 0) / 60);
  return `${[
    "# Benchmarks",
    "",
    "What Certferry is held against, and where it stands. `npm run bench` writes this page (`-- --write-docs`).",
    "",
    `- Date: ${date.slice(0, 10)}; ${rounds} rounds; ${minutes} minutes in all`,
    `- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}; Node ${machine.node}`,
    `- Load before the run: ${machine.loadBefore}`,
    ...(note === undefined ? [] : [`- ${note}`]),
    "",
    "Sender, callee and API server share the machine's cores. Ratios are of rounds that were measured in turn, the",
    "median of the pairs; they tell more than single figures, which another machine will not repeat.",
    "",
    "| scenario | figure | | goal | |",
    "| --- | --- | --- | --- | --- |",
    ...scenarios.flatMap(rowsOf),
    "",
    "## What is measured, and how",
    ...scenarios.flatMap(({ name, about, seconds }) => [
      "",
      `**${name}** (${Math.round(seconds)} s). ${about}`,
    ]),
    "",
    "## Do it yourself",
    "",
    "```sh",
    "npm run bench                                # everything; the exit code is 1 when a goal is missed",
    "npm run bench -- --only latency --rounds 9   # one row",
    "npm run bench -- --json figures.json         # each figure with its goal and whether it was met",
    "npm run bench -- --goal latency.speedup=7.5  # against another goal",
    "```",
    "",
    "Linux only: processor time and memory are read from `/proc`. A million certificates (some 700 MB) are made once and",
    "kept in `.certferry/bench`. Everything runs on 127.0.0.1.",
  ].join("\n")}\n`;
}

function rowsOf({ name, figures, error }: ScenarioResult): string[] {
  if (error !== undefined) return [`| ${name} | did not come to its end | | | **not met** |`];
  return figures.map((figure) => `| ${name} | ${figure.what} | ${valueOf(figure)} | ${heldTo(figure)} |`);
}

function valueOf({ value, unit }: JudgedFigure): string {
  return unit === "" ? numberText(value) : `${numberText(value)} ${unit}`;
}

function heldTo(figure: JudgedFigure): string {
  if (figure.goal === undefined) return "|";
  return `${goalText(figure.goal)} | ${figure.met ? verdictOf(figure) : "**not met**"}`;
}
