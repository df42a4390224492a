// `npm run test:faults [-- --seed N | --seeds N | --for 1h] [--long] [--write-docs]`
import { join } from "node:path";
import { findControlPlane } from "../../tools/control-plane/launcher.ts";
import { findToxiproxy } from "../../tools/toxiproxy/source.ts";
import { readOptions } from "./options.ts";
import { describeTally, writeDocs } from "./report.ts";
import { run } from "./run.ts";
import { describeSchedule, LONG, makeSchedule } from "./schedule.ts";
import { addTally, emptyTally } from "./tally.ts";

const options = readOptions(process.argv);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function runAll(): Promise<boolean> {
  await findControlPlane({ log: say });
  await findToxiproxy({ log: say });
  const started = performance.now();
  const sum = emptyTally();
  const failed: number[] = [];
  const seeds = options.seeds()[Symbol.iterator]();
  const more = options.profile === LONG ? " --long" : "";
  const worker = async (): Promise<void> => {
    while (performance.now() - started < options.forMs) {
      const next = seeds.next();
      if (next.done === true) return;
      const seed = next.value;
      const schedule = makeSchedule(seed, options.profile);
      if (options.verbose) for (const line of describeSchedule(schedule)) say(line);
      const keep = options.keep && join(options.keep, String(seed));
      const { violations, tally } = await run(schedule, say, { keep });
      addTally(sum, tally);
      if (violations.length === 0) {
        say(`seed ${seed}: as it must be`);
        continue;
      }
      failed.push(seed);
      for (const violation of violations) say(`seed ${seed}: WRONG: ${violation}`);
      say(`seed ${seed}: to replay it: npm run test:faults -- --seed ${seed}${more}`);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  for (const line of describeTally(sum)) say(line);
  if (failed.length > 0) say(`failed: seeds ${failed.join(", ")}`);
  if (options.writeDocs)
    say(await writeDocs(sum, { failed, more, started: new Date(Date.now() - performance.now() + started) }));
  return failed.length === 0;
}

if (options.dry) {
  for (const seed of options.seeds()) {
    for (const line of describeSchedule(makeSchedule(seed, options.profile))) say(line);
  }
} else {
  process.exitCode = (await runAll()) ? 0 : 1;
}
