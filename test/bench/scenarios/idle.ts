import { resolve } from "node:path";
import type { OperatorProcess } from "../../harness/index.ts";
import { OwnedProcess } from "../../../tools/process/owned-process.ts";
import { Audit } from "../ground/audit.ts";
import { Ground } from "../ground/ground.ts";
import { HEAP_PROBE, heapOf } from "../ground/heap.ts";
import { multiply, raiseFirst } from "../ground/herd.ts";
import { settled, workMeanwhile } from "../ground/quiet.ts";
import { atMost, type Scenario } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";

const BATCHES = 10_000;
const RAW_LIST = resolve(import.meta.dirname, "../ground/raw-list.ts");
const DEADLINE_MS = 120_000;
const STARTS = 3;

export const idle: Scenario = {
  name: "idle",
  about:
    "10,000 batches that are bound and provisioned, each with its reel, binding and ledger (one was provisioned in " +
    "earnest; the others are what the operator wrote of it, under other names). Heap: what is in use after a garbage " +
    "collection, less the same with one batch. Ready: from the start of the process until /readyz says so, against a " +
    "process that lists the same kinds in the same pages and parses them, from its first request on; median of three. Requests: the API " +
    "server's audit log of a minute, after ten seconds without any but of leases and watches.",
  async run(context) {
    const { quick, log } = context;
    const count = quick ? 100 : BATCHES;
    await using audit = await Audit.make();
    await using ground = await Ground.open(context, audit.flags);
    const alone = await ground.operator({ env: HEAP_PROBE });
    await raiseFirst(ground, DEADLINE_MS);
    const before = await heapOf(alone);
    await alone.stop();
    const seeding = performance.now();
    await multiply(ground, count);
    log(`${count} batches made in ${Math.round((performance.now() - seeding) / 1_000)} s`);
    const starts: { a: number; b: number }[] = [];
    let operator: OperatorProcess | undefined;
    for (let start = 1; start <= (quick ? 1 : STARTS); start += 1) {
      await operator?.stop();
      const raw = await rawList(ground);
      await audit.next();
      const started = performance.now();
      operator = await ground.operator({ env: HEAP_PROBE });
      starts.push({ a: performance.now() - started, b: raw });
      log(`ready in ${Math.round(starts.at(-1)?.a ?? 0)} ms, raw LIST ${Math.round(raw)} ms`);
    }
    if (operator === undefined) throw new Error("no operator was started");
    const settling = await settled(audit, context);
    const after = await heapOf(operator);
    const idleRequests = await workMeanwhile(audit, context);
    return [
      {
        name: "heap",
        what: "heap of an idle batch",
        value: (after - before) / count / 1_000,
        unit: "kB",
        goal: atMost(4),
      },
      {
        name: "ready",
        what: "ready, against the raw LIST",
        value: medianRatio(starts),
        unit: "×",
        goal: atMost(2),
      },
      {
        name: "requests",
        what: "requests in a minute, but for leases and watches",
        value: idleRequests.length,
        unit: "",
        goal: atMost(0),
      },
      { name: "ready-ms", what: "ready in", value: median(starts.map(({ a }) => a)), unit: "ms" },
      { name: "list-ms", what: "raw LIST", value: median(starts.map(({ b }) => b)), unit: "ms" },
      { name: "settling", what: "requests from a start until nothing happens", value: settling, unit: "" },
    ];
  },
};

/** Milliseconds from the first request to when all is listed. */
async function rawList(ground: Ground): Promise<number> {
  const child = await OwnedProcess.start({
    command: process.execPath,
    args: [RAW_LIST, ground.field.plane.kubeconfig],
  });
  const ms = await child.line(
    (line) => (line.includes("listed") ? (JSON.parse(line) as { ms: number }).ms : undefined),
    "the raw LIST",
    DEADLINE_MS,
  );
  await child.ended;
  return ms;
}
