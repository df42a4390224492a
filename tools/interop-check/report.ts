import { GROUPS } from "./check.ts";
import type { Verdict } from "./finding.ts";
import type { Outcome, Result } from "./run.ts";

const COLOURS: Readonly<Record<Verdict, number>> = { pass: 32, fail: 31, warn: 33, "not applicable": 90 };
const LABELS: Readonly<Record<Verdict, string>> = {
  pass: "pass",
  fail: "FAIL",
  warn: "warn",
  "not applicable": "n/a",
};

/** How many of the certificates that are left are named; all of them stand in the JSON. */
const MOST_NAMED = 10;

/** Writes results for people: a line for each check, and more where something is wrong. */
export class Report {
  readonly #write: (text: string) => void;
  readonly #colour: boolean;
  #group: string | undefined;

  /** @param colour whether the reader is a terminal */
  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  note(text: string): void {
    this.#write(`${text}\n`);
  }

  result({ name, group, verdict, expected, came, where }: Result): void {
    if (group !== this.#group) this.#write(`\n${GROUPS[group]}\n`);
    this.#group = group;
    const label = this.#paint(LABELS[verdict].padEnd(4), verdict);
    this.#write(`  ${label}  ${name}${verdict === "not applicable" ? `: ${came}` : ""}\n`);
    if (verdict === "fail" || verdict === "warn") {
      this.#write(
        `          expected  ${expected}\n          came      ${came}\n          see       ${where}\n`,
      );
    }
  }

  end(outcome: Outcome): void {
    const count = (verdict: Verdict): number =>
      outcome.results.filter((result) => result.verdict === verdict).length;
    const counts = `${count("pass")} passed, ${count("fail")} failed, ${count("warn")} warnings, ${count("not applicable")} not applicable`;
    this.#write(`\n${counts}\n`);
    this.#left(outcome);
    this.#write(`${verdictOf(outcome)}\n`);
  }

  #left({ left }: Outcome): void {
    if (left.length === 0) return;
    const [first] = left;
    this.#write(`Left in the registry: ${left.length} certificates (${first?.because ?? ""})\n`);
    for (const { serial, fingerprint } of left.slice(0, MOST_NAMED)) {
      this.#write(`  serial ${serial}, SHA-256 ${fingerprint}\n`);
    }
    if (left.length > MOST_NAMED)
      this.#write(`  and ${left.length - MOST_NAMED} more: --json FILE names all\n`);
  }

  #paint(text: string, verdict: Verdict): string {
    return this.#colour ? `\u001B[${COLOURS[verdict]}m${text}\u001B[0m` : text;
  }
}

function verdictOf({ conforms, interrupted, results }: Outcome): string {
  if (interrupted) return "Interrupted: nothing is said of the rest.";
  if (!conforms) return "It does not conform.";
  const warned = results.some(({ verdict }) => verdict === "warn");
  return warned ? "It conforms; the warnings say what it should do besides." : "It conforms.";
}
