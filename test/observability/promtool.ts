import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";

import { findPromtool } from "../../tools/promtool/source.ts";
import { nameOf } from "./scrape.ts";
import { type InputSeries, MINUTES } from "./series.ts";

const run = promisify(execFile);

export const RULES = resolve(import.meta.dirname, "../../alerts/certferry.rules.yaml");

/** Whether promtool accepts a file of rules; what it said otherwise. */
export async function checkRules(file: string): Promise<string | undefined> {
  return await promtool("check", "rules", file);
}

const FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})';

/** Which alerts fire at the end of these series, as a Prometheus evaluates the rules once a minute; by name. */
export async function firing(series: readonly InputSeries[]): Promise<string[]> {
  const rules = await readFile(RULES, "utf8");
  // The others only cost time.
  const asked = series.filter((each) => rules.includes(nameOf(each.series)));
  const answers = await evaluated(asked, [FIRING], [RULES]);
  return (answers.get(FIRING) ?? []).map(({ alertname = "" }) => alertname).sort();
}

/** What expressions give at the end of these series: for each that gives something, the labels of what it gives. */
export async function evaluated(
  series: readonly InputSeries[],
  expressions: readonly string[],
  ruleFiles: readonly string[] = [],
): Promise<Map<string, Record<string, string>[]>> {
  const said = await test({
    rule_files: ruleFiles,
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: series,
        promql_expr_test: expressions.map((expr) => ({
          expr,
          eval_time: `${MINUTES - 2}m`,
          // Whatever is there is not what is expected here, and so it is told.
          exp_samples: [],
        })),
      },
    ],
  });
  if (said === undefined) return new Map();
  const told = [...said.matchAll(/^ +expr: (".*"), time: .*\n +exp:.*\n +got: (.*)$/gm)];
  if (told.length === 0) throw new Error(`promtool does not say what is there: ${said}`);
  return new Map(
    told.map(([, expression = "", got = ""]) => [JSON.parse(expression) as string, labelsIn(got)]),
  );
}

/** `{a="b", c="d"} 1, {…} 2` */
function labelsIn(got: string): Record<string, string>[] {
  return [...got.matchAll(/\{((?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*)\} /g)].map(([, labels = ""]) =>
    Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]),
    ),
  );
}

async function test(document: object): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-promtool-"));
  try {
    const file = join(folder, "test.yaml");
    await writeFile(file, stringify(document));
    return await promtool("test", "rules", file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

let found: Promise<string> | undefined;

async function promtool(...args: string[]): Promise<string | undefined> {
  const path = await (found ??= findPromtool());
  try {
    await run(path, args, { timeout: 60_000, maxBuffer: 16 * 1024 ** 2 });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    if (stdout + stderr === "") throw error;
    return stdout + stderr;
  }
}
