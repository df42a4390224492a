import { readStatus } from "../../interop/caller/answers.ts";
import { InteropError } from "../../interop/caller/errors.ts";
import { Unexpected } from "./finding.ts";
import type { Sample } from "./samples.ts";
import type { Subject } from "./subject.ts";

/** Given certificates of which one is in the registry already: a device may depend on it. */
export class AlreadyIn extends Error {
  override readonly name = "AlreadyIn";
}

/**
 * Looks whether the user's own certificates are in the registry already, before anything is sent. What was in
 * before must not be taken out by a check.
 * @returns whether they may be taken out: not where the callee cannot tell how they stood
 * @throws AlreadyIn
 */
export async function vetGiven(subject: Subject, note: (text: string) => void): Promise<boolean> {
  const { given } = subject.samples;
  if (given.length === 0) return true;
  if (!subject.offers.has("status")) {
    note("The callee offers no status, so the certificates given are not taken out again.");
    return false;
  }
  for (const [index, sample] of given.entries()) {
    const present = await isPresent(subject, sample);
    if (present === undefined) {
      note("How the certificates given stand could not be found out, so they are not taken out again.");
      return false;
    }
    if (!present) continue;
    const { fingerprint } = sample;
    throw new AlreadyIn(
      `certificate ${index + 1} of --certs (SHA-256 ${fingerprint}) is in the registry already. The check takes out what it puts in: give certificates that no device there uses`,
    );
  }
  return true;
}

async function isPresent(subject: Subject, sample: Sample): Promise<boolean | undefined> {
  try {
    const entry = await subject.askOne("status", sample);
    return entry.outcome === "success" ? readStatus(entry.raw)?.present : undefined;
  } catch (error) {
    if (error instanceof Unexpected || error instanceof InteropError) return undefined;
    throw error;
  }
}
