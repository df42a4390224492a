/** What became of one check: `fail` breaks a MUST of docs/interop.md, `warn` a SHOULD. */
export type Verdict = "pass" | "fail" | "warn" | "not applicable";

export interface Finding {
  readonly verdict: Verdict;
  /** What came back, or why the check could not be held; for people, without secrets. */
  readonly came: string;
}

export const passed = (came: string): Finding => ({ verdict: "pass", came });
export const failed = (came: string): Finding => ({ verdict: "fail", came });
export const warned = (came: string): Finding => ({ verdict: "warn", came });
export const notApplicable = (why: string): Finding => ({ verdict: "not applicable", came: why });

/** Ends a check where what came leaves nothing to look at; the message goes into its finding, which fails. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}
