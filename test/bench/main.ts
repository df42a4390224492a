// `npm run bench [-- --only SCENARIO --rounds N --json FILE --quick --write-docs]`: measures Certferry against its
// goals. Exit code 0: all were met; 1: some were not, or a scenario broke.
import { mkdir } from "node:fs/promises";
import { writeDocument } from "./document.ts";
import { describeMachine } from "./machine.ts";
import { readOptions } from "./options.ts";
import { linesOf, reportOf, writeJson } from "./report.ts";
import { runScenarios } from "./runner.ts";
import { SCENARIOS } from "./scenarios/index.ts";

const options = readOptions(process.argv, SCENARIOS);
const { scenarios, goals, rounds, quick, cacheDir, profileDir } = options;
const date = new Date().toISOString();
const machine = describeMachine();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const log = (message: string): void => void process.stderr.write(`bench: ${message}\n`);

await mkdir(cacheDir, { recursive: true });
const results = await runScenarios(
  scenarios,
  { rounds, quick, cacheDir, profileDir, log },
  goals,
  (result) => {
    for (const line of linesOf(result)) say(line);
  },
);
const report = reportOf(results, { date, machine, rounds, quick });
if (options.json !== undefined) await writeJson(report, options.json);
if (options.writeDocs) await writeDocument(report, options.note);
const unmet = results.flatMap(({ figures }) => figures).filter(({ met }) => !met).length;
const broken = results.filter(({ error }) => error !== undefined).length;
say(report.met ? "All goals are met." : `Goals that are not met: ${unmet}; scenarios that broke: ${broken}.`);
process.exit(report.met ? 0 : 1);
