import { Audit } from "../ground/audit.ts";
import { Ground } from "../ground/ground.ts";
import { HEAP_PROBE, heapOf } from "../ground/heap.ts";
import { settled, workMeanwhile } from "../ground/quiet.ts";
import { atMost, type Scenario } from "../scenario.ts";

const CLOUDS = 1_000;
/** CloudApis that are declared at a time. */
const TOGETHER = 20;
const DEADLINE_MS = 180_000;

export const clouds: Scenario = {
  name: "clouds",
  about:
    "1,000 CloudApis in one account, all at one callee, which the operator calls once a minute each. Ready: from the " +
    "first that is declared until the last is Ready, twenty declared at a time. Heap: what is in use after a garbage " +
    "collection, less the same with one CloudApi. Requests: as in idle, of the operator to the " +
    "API server; it opens watches of kinds of which that has nothing to tell (there are no batches here) anew, and asks " +
    "for its version, after 90 s.",
  async run(context) {
    const { quick } = context;
    const count = quick ? 50 : CLOUDS;
    await using audit = await Audit.make();
    await using ground = await Ground.open(context, audit.flags);
    const operator = await ground.operator({ env: HEAP_PROBE });
    const stub = await ground.cloud("cloud");
    const before = await heapOf(operator);
    const started = performance.now();
    await ground.sameCloud(stub, count, TOGETHER, DEADLINE_MS);
    const seconds = (performance.now() - started) / 1_000;
    await settled(audit, context);
    const heap = (await heapOf(operator)) - before;
    const work = await workMeanwhile(audit, context);
    return [
      { name: "heap", what: "heap of a CloudApi", value: heap / count / 1_000, unit: "kB", goal: atMost(16) },
      { name: "ready", what: "all ready in", value: seconds, unit: "s" },
      {
        name: "requests",
        what: "requests in a minute, but for leases and watches",
        value: work.length,
        unit: "",
        goal: atMost(10),
      },
    ];
  },
};
