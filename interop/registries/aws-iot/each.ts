import { type RefusedEntry, refused } from "../../protocol/refusals.ts";
import type { NameMaker } from "../names.ts";
import type { CheckedCertificate, RegistryCall } from "../port.ts";
import { refusalEntry } from "./failures.ts";
import type { Faults } from "./faults.ts";
import type { Turns } from "./turns.ts";

export interface EachOptions {
  readonly name: NameMaker;
  readonly pace: (signal: AbortSignal) => Promise<void>;
  readonly turns: Turns;
  /** How many certificates are under way at once. */
  readonly concurrency: number;
}

/** One request: what it is about, and where its faults are counted. */
export interface Round extends RegistryCall {
  readonly certificates: readonly CheckedCertificate[];
  readonly faults: Faults;
}

type Work<Name, E> = (certificate: CheckedCertificate, name: Name) => Promise<E>;

/**
 * Does `work` for each certificate, as far as the time goes: what is done when the signal fires keeps its
 * entry, the rest is `OutOfTime`.
 * @returns one entry each, in the order given; what `work` throws is an entry, too
 */
export function eachCertificate<E>(
  options: EachOptions,
  round: Round,
  work: Work<string | undefined, E>,
): Promise<(E | RefusedEntry)[]> {
  return run(options, round, (certificate, name) => () => work(certificate, name));
}

/** The same, for work that needs a name; certificates that make none are `NameUnusable`. */
export function eachNamed<E>(
  options: EachOptions,
  round: Round,
  work: Work<string, E>,
): Promise<(E | RefusedEntry)[]> {
  return run(options, round, (certificate, name) =>
    name === undefined ? undefined : () => work(certificate, name),
  );
}

async function run<E>(
  { name, pace, turns, concurrency }: EachOptions,
  { certificates, batch, signal, faults }: Round,
  plan: (certificate: CheckedCertificate, name: string | undefined) => (() => Promise<E>) | undefined,
): Promise<(E | RefusedEntry)[]> {
  const entries: (E | RefusedEntry)[] = certificates.map(({ ref }) => refused(ref, "OutOfTime"));
  const waiting = certificates.entries();

  async function entryOf(certificate: CheckedCertificate): Promise<E | RefusedEntry> {
    const called = name(certificate, batch);
    const work = plan(certificate, called);
    if (work === undefined) return refused(certificate.ref, "NameUnusable");
    try {
      return await turns(called ?? certificate.thumbprint, signal, async () => {
        await pace(signal);
        return await work();
      });
    } catch (error) {
      faults.note(error, signal);
      return refusalEntry(certificate.ref, error, signal);
    }
  }

  async function takeFromWaiting(): Promise<void> {
    for (const [index, certificate] of waiting) {
      if (signal.aborted) return;
      entries[index] = await entryOf(certificate);
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, certificates.length) }, takeFromWaiting));
  return entries;
}
