import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";

import { findPromtool } from "../../tools/promtool/source.ts";
import { MINUTES } from "./scrape.ts";

const run = promisify(execFile);

export const RULES = resolve(import.meta.dirname, "../../alerts/certferry.rules.yaml");

/** Whether promtool accepts a file of rules; what it said otherwise. */
export async function checkRules(file: string): Promise<string | undefined> {
  return await promtool("check", "rules", file);
}

/** Which alerts fire at the end of these series, as a Prometheus evaluates the rules once a minute. */
export async function firing(series: readonly { series: string; values: string }[]): Promise<string[]> {
  const rules = await readFile(RULES, "utf8");
  const said = await test({
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        // The others only cost time.
        input_series: series.filter((each) => rules.includes(each.series.slice(0, each.series.indexOf("{")))),
        promql_expr_test: [
          {
            expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: `${MINUTES - 10}m`,
            // Whatever fires is not what is expected here, and so it is told.
            exp_samples: [],
          },
        ],
      },
    ],
  });
  if (said === undefined) return [];
  const got = /got:?\s*([\s\S]*)$/m.exec(said)?.[1] ?? "";
  const names = [...got.matchAll(/\{alertname="(\w+)"\} 1/g)].map(([, name = ""]) => name);
  if (names.length === 0) throw new Error(`promtool does not say which alerts fire: ${said}`);
  return names;
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

async function promtool(...args: string[]): Promise<string | undefined> {
  const path = await findPromtool();
  try {
    await run(path, args, { timeout: 60_000, maxBuffer: 16 * 1024 ** 2 });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    if (stdout + stderr === "") throw error;
    return stdout + stderr;
  }
}
