// `npm run demo [-- --once] [--json FILE] [--timeout SECONDS]`
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import { ferryAll, stayUp } from "./demo.ts";
import type { Outcome } from "./demo.ts";
import { nextSteps } from "./next-steps.ts";
import { setStage } from "./stage.ts";
import { LiveTable } from "./table.ts";

interface Flags {
  readonly once?: true;
  readonly json?: string;
  readonly timeout: number;
}

const STOPS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const started = performance.now();
const elapsed = (): number => Number(((performance.now() - started) / 1000).toFixed(2));
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const flags = new Command("demo")
  .description("Shows Certferry at work: a cluster, an operator, product clouds and ten reels of one's own.")
  .option("--once", "end when every batch is bound and provisioned: exit code 0, or 1 with what is missing")
  .option("--json <file>", "write what was reached")
  .option("--timeout <seconds>", "how long binding and provisioning may take", positive, 180)
  .parse()
  .opts<Flags>();

const stopping = new AbortController();
for (const name of STOPS) process.on(name, () => stopping.abort(new Error(`Stopped by ${name}`)));

process.exitCode = await run(flags, stopping.signal);

async function run(options: Flags, signal: AbortSignal): Promise<number> {
  let reached: Partial<Reached> = {};
  try {
    // Of this run from its first moment: an earlier run's file would tell of what this one did not reach.
    await write(options, { missing: ["the demo has not come to its end"] });
    await using stage = await setStage({ log: say, signal });
    const secondsToReady = elapsed();
    reached = { secondsToReady };
    say(`\nReady after ${secondsToReady} s. Applying the samples: cloud APIs, reels, batches.\n`);
    const table = new LiveTable(process.stdout);
    const outcome = await ferryAll(stage, table, options.timeout * 1000, signal);
    const secondsToDone = elapsed();
    reached = { ...outcome, secondsToReady, secondsToDone };
    await write(options, reached);
    tell(outcome, secondsToDone);
    if (options.once) return outcome.done ? 0 : 1;

    say(nextSteps(stage));
    say("Ctrl-C stops the demo and removes all of it.\n");
    table.settle();
    const lost = await stayUp(stage, table, signal);
    if (lost !== undefined) say(lost);
    say(signal.aborted ? `${(signal.reason as Error).message}; removing everything` : "Removing everything");
    return lost === undefined ? 0 : 1;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (reached.done === undefined) await writeAtLast(options, { ...reached, missing: [why] });
    if (signal.aborted) {
      say(`${(signal.reason as Error).message}; everything is removed`);
      return options.once ? 1 : 0;
    }
    say(`The demo has failed: ${why}`);
    return 1;
  }
}

function tell(outcome: Outcome, seconds: number): void {
  if (outcome.done) {
    const devices = outcome.rows.reduce((sum, row) => sum + row.provisioned, 0);
    say(
      `\nAll ${outcome.rows.length} batches are bound and provisioned: ${devices} devices, ${seconds} s in all.`,
    );
    return;
  }
  say("\nNot everything was reached:");
  for (const sentence of outcome.missing) say(`- ${sentence}`);
}

interface Reached extends Outcome {
  readonly secondsToReady: number;
  readonly secondsToDone: number;
}

/** What was reached goes to the file that `--json` names. */
async function write(options: Flags, reached: Partial<Reached>): Promise<void> {
  if (options.json === undefined) return;
  const batches = (reached.rows ?? []).map((row) => ({
    batch: row.batch,
    account: row.account,
    batchId: row.batchId,
    devices: row.devices,
    bound: row.bound,
    provisioned: row.provisioned,
    clouds: row.clouds,
    state: row.state,
    done: row.done,
  }));
  const { done = false, secondsToReady, secondsToDone, missing = [] } = reached;
  const report = { done, secondsToReady, secondsToDone, batches, missing };
  await writeFile(resolve(options.json), `${JSON.stringify(report, null, 2)}\n`);
}

/** When the demo has failed; it is told on the standard output too. */
async function writeAtLast(options: Flags, reached: Partial<Reached>): Promise<void> {
  try {
    await write(options, reached);
  } catch {
    // That it cannot be written is what the demo has failed of, or less than that.
  }
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError("give a number above 0");
  return number;
}
