import { atCluster } from "../../cluster/session.ts";
import type { Context } from "../../context.ts";
import { EXIT, type ExitCode } from "../../exit.ts";
import { type Colour, harmless, paintFor } from "../../output/colour.ts";
import { valueText } from "../../output/objects.ts";
import { styleFor, wrapped } from "../../output/progress.ts";
import { CHECKS } from "./checks.ts";
import { type Finding, made, type Patient } from "./finding.ts";

export interface DoctorOptions {
  readonly operatorNamespace: string;
  readonly output?: "json" | "yaml";
}

const MARKS: Record<Finding["state"], { sign: string; ascii: string; colour: Colour }> = {
  good: { sign: "✓", ascii: "ok", colour: "green" },
  warning: { sign: "!", ascii: "!!", colour: "yellow" },
  bad: { sign: "✗", ascii: "XX", colour: "red" },
  unknown: { sign: "?", ascii: "??", colour: "dim" },
};

/** Looks at all that must be right for Certferry to work for this person in this account. */
export async function doctor(context: Context, options: DoctorOptions): Promise<ExitCode> {
  const { io, signal } = context;
  const findings: Finding[] = [];
  await atCluster(context, async (session) => {
    const { operatorNamespace } = options;
    const now = (): number => io.clock.now();
    const patient: Patient = { session, signal, now, operatorNamespace, program: io.program };
    for (const check of CHECKS) {
      const found = await made(check, patient);
      findings.push(...found);
      if (options.output === undefined)
        for (const finding of found) await io.stdout.write(textOf(context, finding));
      // Without a cluster, or without its kinds, all the rest is bad for the same reason.
      const first = check.name === "cluster" || check.name === "kinds";
      if (first && found.some(({ state }) => state === "bad")) break;
    }
  });
  if (options.output !== undefined) await io.stdout.write(valueText({ findings }, options.output));
  return findings.some(({ state }) => state === "bad") ? EXIT.needsPerson : EXIT.ok;
}

function textOf({ io }: Context, { check, state, message, hint }: Finding): string {
  const paint = paintFor(io.stdout, io);
  const { sign, ascii, colour } = MARKS[state];
  const mark = paint(colour, styleFor(io.stdout, io).unicode ? sign : ascii);
  const width = Math.max(30, (io.stdout.columns ?? 100) - 14);
  const lines = wrapped(harmless(message), width);
  const hints = (hint?.split("\n") ?? [])
    .flatMap((line) => wrapped(harmless(line), width))
    .map((line) => paint("cyan", line));
  return [...lines, ...hints]
    .map((line, at) => (at === 0 ? `${mark} ${check.padEnd(10)}  ${line}` : `              ${line}`))
    .map((line) => `${line}\n`)
    .join("");
}
