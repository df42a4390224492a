import { explain } from "../../errors.ts";
import type { Session } from "../../cluster/session.ts";

/** How a check came out: `unknown` when it could not be made, for want of a right as a rule. */
export interface Finding {
  readonly check: string;
  readonly state: "good" | "warning" | "bad" | "unknown";
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

/** What checks are made with. */
export interface Patient {
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly operatorNamespace: string;
  readonly program: string;
}

/** One thing to look at. */
export interface Check {
  readonly name: string;
  readonly look: (patient: Patient) => Promise<Omit<Finding, "check"> | readonly Omit<Finding, "check">[]>;
}

/** Makes a check; what it throws is what is found. */
export async function made({ name, look }: Check, patient: Patient): Promise<Finding[]> {
  try {
    const found = await look(patient);
    return [found].flat().map(({ state, message, hint }) => {
      const finding: Finding = { check: name, state, message };
      return hint === undefined ? finding : { check: name, state, message, hint };
    });
  } catch (error) {
    patient.signal.throwIfAborted();
    const { message, hint, exit } = explain(error);
    // Without the right to look it is not known to be bad.
    const state = exit === 3 ? "unknown" : "bad";
    return [{ check: name, state, message, ...(hint === undefined ? {} : { hint }) }];
  }
}
