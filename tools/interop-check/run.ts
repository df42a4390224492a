import { InteropError } from "../../interop/caller/errors.ts";
import type { Check, Group, Need } from "./check.ts";
import { cleanUp, type Left } from "./clean-up.ts";
import { CHECKS } from "./checks/index.ts";
import { failed, type Finding, notApplicable, Unexpected, warned } from "./finding.ts";
import { vetGiven } from "./given.ts";
import type { Subject } from "./subject.ts";

/** One check and what became of it. */
export interface Result extends Finding {
  readonly name: string;
  readonly group: Group;
  readonly level: Check["level"];
  readonly expected: string;
  /** Where it is written down: a file and its heading. */
  readonly where: string;
}

export interface Outcome {
  readonly results: readonly Result[];
  /** What the callee offers beyond v1, as far as Certferry knows it. */
  readonly offers: readonly string[];
  /** Certificates that are, or may be, in the registry now because of this run. */
  readonly left: readonly Left[];
  /** Ended by the user before all was held. */
  readonly interrupted: boolean;
  readonly conforms: boolean;
}

export interface RunOptions {
  readonly readOnly: boolean;
  /** Beginnings of names; none for all. */
  readonly only: readonly string[];
  /** Told of each result as it comes. */
  readonly onResult: (result: Result) => void;
  readonly onNote: (text: string) => void;
  /** Ends the run after the check that is under way; what was put in is still taken out. */
  readonly stop: AbortSignal;
}

/**
 * Holds a callee against all checks, one after another, and takes out what was put in, where the callee offers that.
 * @throws what no callee causes: mistakes in the checks themselves
 */
export async function runChecks(subject: Subject, options: RunOptions): Promise<Outcome> {
  const results: Result[] = [];
  const { stop } = options;
  let unreachable: string | undefined;
  let removable = true;
  for (const check of CHECKS) {
    if (stop.aborted) break;
    const isFirst = check === CHECKS[0];
    if (!isFirst && !isWanted(check, options.only)) continue;
    const why = unreachable ?? missing(check, subject, { ...options, removable });
    const finding = why === undefined ? await hold(check, subject) : notApplicable(why);
    const result = resultOf(check, finding);
    results.push(result);
    options.onResult(result);
    if (!isFirst) continue;
    if (finding.verdict === "fail") unreachable = "not held: address.info failed";
    else if (!options.readOnly) removable = await vetGiven(subject, options.onNote);
  }
  const left = await cleanUp(subject, removable);
  const conforms = !stop.aborted && results.every(({ verdict }) => verdict !== "fail");
  return { results, offers: [...subject.offers], left, interrupted: stop.aborted, conforms };
}

function isWanted({ name }: Check, only: readonly string[]): boolean {
  return only.length === 0 || only.some((beginning) => name.startsWith(beginning));
}

function resultOf({ name, level, expected, where }: Check, finding: Finding): Result {
  const group = name.slice(0, name.indexOf(".")) as Group;
  return { name, group, level, expected, where: `docs/interop.md#${where}`, ...finding };
}

/** Why a check cannot be held; nothing when it can. */
function missing(
  { needs = [] }: Check,
  subject: Subject,
  { readOnly, removable }: { readOnly: boolean; removable: boolean },
): string | undefined {
  const { kind } = subject.options.credentials;
  const unmet = needs.find((need) => !isMet(need, subject, { kind, readOnly, removable }));
  if (unmet === undefined) return undefined;
  if (unmet === "writes") return "it would change the registry (--read-only)";
  if (unmet === "bearer" || unmet === "basic") return `it is for ${unmet} authentication`;
  return unmet === "removable" ? NOT_REMOVABLE : `${unmet} is not offered`;
}

const NOT_REMOVABLE = "the certificates given are not taken out, since they may have been in before";

function isMet(
  need: Need,
  subject: Subject,
  have: { kind: "bearer" | "basic"; readOnly: boolean; removable: boolean },
): boolean {
  if (need === "writes") return !have.readOnly;
  if (need === "removable") return have.removable;
  return need === "bearer" || need === "basic" ? need === have.kind : subject.offers.has(need);
}

async function hold(check: Check, subject: Subject): Promise<Finding> {
  const finding = await attempt(check, subject);
  return finding.verdict === "fail" && check.level === "should" ? warned(finding.came) : finding;
}

async function attempt(check: Check, subject: Subject): Promise<Finding> {
  try {
    return await check.run(subject);
  } catch (error) {
    if (error instanceof Unexpected) return failed(error.message);
    if (error instanceof InteropError) return failed(error.message.replaceAll("caBundle", "--ca"));
    if (subject.options.signal.aborted) return notApplicable("interrupted");
    throw error;
  }
}
