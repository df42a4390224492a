import type { EntryCode } from "../../protocol/refusals.ts";
import { CallFailed, Refusal } from "./failures.ts";

/** How often one call failed in one way during one request; nothing in it is secret. */
export interface Fault {
  /** Of AWS IoT, or `none`. */
  readonly action: string;
  /** The name of the error. */
  readonly error: string;
  readonly code: EntryCode;
  readonly count: number;
}

/** Counts what goes wrong in one request, for the cloud's own people: the caller sees a code. */
export class Faults {
  readonly #counts = new Map<string, Fault>();

  note(error: unknown, signal: AbortSignal): void {
    const fault = describe(error, signal.aborted ? "OutOfTime" : "RegistrationFailed");
    const key = `${fault.action} ${fault.error} ${fault.code}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { ...fault, count });
  }

  list(): Fault[] {
    return [...this.#counts.values()];
  }
}

function describe(error: unknown, otherwise: EntryCode): Omit<Fault, "count"> {
  if (error instanceof CallFailed) return { action: error.action, error: error.error, code: error.code };
  if (error instanceof Refusal) return { action: "none", error: "refused", code: error.code };
  const name = error instanceof Error ? error.name : "unknown";
  return { action: "none", error: name, code: otherwise };
}
