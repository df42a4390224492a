import type { BenchContext } from "../scenario.ts";
import type { Audit, AuditedRequest } from "./audit.ts";

/** Nothing but leases and watches for so long: what came before is over. */
const QUIET_MS = 10_000;
const SETTLE_MS = 240_000;
const WATCH_MS = 60_000;
const SHORT_WATCH_MS = 2_000;

/** Requests of an operator other than those that are always there; the benchmark's own are of another agent. */
function isWork({ verb, resource, userAgent }: AuditedRequest): boolean {
  return userAgent.startsWith("certferry") && verb !== "watch" && resource !== "leases";
}

/** Waits until nothing happens, or four minutes. @returns requests since the log was read last */
export async function settled(audit: Audit, { log }: Pick<BenchContext, "log">): Promise<number> {
  const deadline = Date.now() + SETTLE_MS;
  let last = Date.now();
  let count = 0;
  while (Date.now() - last < QUIET_MS) {
    if (Date.now() > deadline) {
      log(`not quiet within ${SETTLE_MS / 1_000} s`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const work = (await audit.next()).filter(isWork);
    const latest = work.at(-1);
    if (latest === undefined) continue;
    count += work.length;
    last = Math.max(last, latest.at);
  }
  return count;
}

/** What an operator asks for within a minute (two seconds where it must be quick); the first few are logged. */
export async function workMeanwhile(
  audit: Audit,
  { quick, log }: Pick<BenchContext, "quick" | "log">,
): Promise<AuditedRequest[]> {
  await audit.next();
  await new Promise((resolve) => setTimeout(resolve, quick ? SHORT_WATCH_MS : WATCH_MS));
  const work = (await audit.next()).filter(isWork);
  for (const { verb, resource, name } of work.slice(0, 5)) log(`meanwhile: ${verb} ${resource} ${name}`);
  return work;
}
