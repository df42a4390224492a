import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { LogEntry, OperatorProcess } from "../../harness/index.ts";

const PROBE = resolve(import.meta.dirname, "heap-probe.mjs");
const ASK_MS = 60_000;

/** For `OperatorOptions.env`: makes `heapOf` possible. */
export const HEAP_PROBE = { NODE_OPTIONS: `--import=${pathToFileURL(PROBE).href}` };

/** Bytes of an operator's heap that are in use after a garbage collection. */
export async function heapOf(operator: OperatorProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const off = operator.onLog((entry: LogEntry) => {
    if (entry.msg === "heap") resolve(Number(entry["heapUsed"]));
  });
  const timer = setTimeout(() => reject(new Error("the operator does not tell its heap")), ASK_MS);
  try {
    process.kill(operator.pid, "SIGUSR2");
    return await promise;
  } finally {
    clearTimeout(timer);
    off();
  }
}
