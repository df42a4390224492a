import { describeEnding } from "../../tools/process/owned-process.ts";
import type { Audit } from "./audit.ts";
import type { Life } from "./operators.ts";

/** What is looked at of a life. */
export interface Witnessed extends Omit<Life, "process"> {
  readonly process: Pick<Life["process"], "lastWords">;
}

/** The lease's duration: for so long nobody else leads. */
const LEASE_MS = 15_000;
const LEASE_LOST = /the lease (was not renewed|has been taken)/u;

/** What operators did that they must not: ended by themselves without a reason, complained, or wrote on an old lease. */
export async function judgeOperators(
  lives: readonly Witnessed[],
  audit: Pick<Audit, "writes">,
): Promise<string[]> {
  const violations: string[] = [];
  for (const life of lives) {
    const why = strangeEnding(life);
    if (why !== undefined) violations.push(why);
    for (const line of life.oddities) violations.push(`${life.name} wrote: ${line.slice(0, 500)}`);
  }
  const writes = await audit.writes();
  if (writes.length === 0) violations.push("the audit log tells of no write of an operator");
  for (const life of lives) {
    for (const { to } of deposed(life, lives)) {
      const late = writes.filter(({ by, at }) => by === life.name && at >= to);
      if (late.length === 0) continue;
      const told = late.slice(0, 5).map(({ what, at }) => `${what} (${at - to} ms after)`);
      violations.push(
        `${life.name} wrote ${late.length} times after it woke beside its successor: ${told.join(", ")}`,
      );
    }
  }
  return violations;
}

function strangeEnding({ name, ending, ordered, process }: Witnessed): string | undefined {
  if (ending === undefined || ordered === "SIGKILL") return undefined;
  if (ordered === "SIGTERM" && ending.code === 0) return undefined;
  if (ending.code === 1 && LEASE_LOST.test(process.lastWords())) return undefined;
  return `${name} ended (${describeEnding(ending)}, ${ordered ?? "nobody had told it to"}): ${process.lastWords()}`;
}

/** The standstills of one that led, from which it woke when another led. */
function deposed(life: Witnessed, lives: readonly Witnessed[]): Life["standstills"] {
  return life.standstills.filter(
    ({ from, to, led }) =>
      led &&
      to - from > LEASE_MS &&
      lives.some((other) => other !== life && other.led.some((at) => at > from && at <= to)),
  );
}
