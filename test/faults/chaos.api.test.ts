import { describe, expect, it } from "vitest";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { findToxiproxy } from "../../tools/toxiproxy/source.ts";
import { CI_SEEDS } from "./options.ts";
import { run } from "./run.ts";
import { makeSchedule, SHORT } from "./schedule.ts";

const missing = await missingPart(findToxiproxy());
/** Half of the time is waiting: for leases, pauses, restarts. */
const AT_A_TIME = 3;

let free = AT_A_TIME;
const waiting: (() => void)[] = [];

/** Runs some at a time. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else free -= 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

describe.skipIf(missing !== undefined)(`whatever fails${missing ?? ""}`, () => {
  it.concurrent.for(CI_SEEDS.map((seed) => [seed] as const))(
    "every device is in the end where its ledger says (seed %i; npm run test:faults -- --seed %i)",
    { timeout: 600_000 },
    async ([seed]) => {
      const { violations, tally } = await inTurn(() => run(makeSchedule(seed, SHORT)));
      expect(violations, `to replay it: npm run test:faults -- --seed ${seed}`).toEqual([]);
      expect(tally.expected).toBeGreaterThan(0);
      expect(tally.lost).toBe(0);
    },
  );
});
