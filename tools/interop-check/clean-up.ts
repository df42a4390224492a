import { InteropError } from "../../interop/caller/errors.ts";
import { Unexpected } from "./finding.ts";
import type { Sample } from "./samples.ts";
import type { SentSample, Subject } from "./subject.ts";

/** A certificate that is, or may be, in the registry now. */
export interface Left {
  readonly serial: string;
  readonly fingerprint: string;
  readonly origin: Sample["origin"];
  /** Why it was not taken out. */
  readonly because: string;
}

const AT_ONCE = 20;

/**
 * Takes out all that may be in because of this run, also what was sent without an answer.
 * @param removable whether certificates that the user gave may be taken out
 * @returns what could not be taken out
 */
export async function cleanUp(subject: Subject, removable: boolean): Promise<Left[]> {
  const sent = [...subject.sent.values()];
  const mine = sent.filter(({ sample }) => removable || sample.origin === "minted");
  const left = remaining(
    sent.filter((each) => !mine.includes(each)),
    "it was given, and may have been in before",
  );
  if (!subject.offers.has("deprovision"))
    return [...left, ...remaining(mine, "the callee offers no deprovision")];
  for (let start = 0; start < mine.length; start += AT_ONCE) {
    left.push(...(await takeOut(subject, mine.slice(start, start + AT_ONCE))));
  }
  return left;
}

async function takeOut(subject: Subject, sent: readonly SentSample[]): Promise<Left[]> {
  let pending = sent;
  let because = "the callee did not say that it is out";
  try {
    await subject.eventually(async () => {
      const items = pending.map(({ sample }) => ({ ref: sample.device, of: sample }));
      const entries = await subject.ask("deprovision", items);
      pending = pending.filter(
        ({ sample }) => !entries.of(sample.device).some(({ outcome }) => outcome === "success"),
      );
      return pending.length === 0;
    });
  } catch (error) {
    const isTheirs = error instanceof Unexpected || error instanceof InteropError;
    if (!isTheirs && !subject.options.signal.aborted) throw error;
    because = isTheirs ? error.message : "interrupted";
  }
  return remaining(pending, because);
}

/** What was refused is not in, and never was. */
function remaining(sent: readonly SentSample[], because: string): Left[] {
  return sent
    .filter(({ answer }) => answer !== "error")
    .map(({ sample: { serial, fingerprint, origin } }) => ({ serial, fingerprint, origin, because }));
}
