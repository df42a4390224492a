/** The exit codes, as docs/cli.md has them. What shells and signals have fixed keeps its number. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** The command line itself, or a file that it names, is wrong. */
  usage: 2,
  /** A right is missing, or the cluster did not accept the credentials. */
  forbidden: 3,
  notFound: 4,
  /** The cluster refused what was asked for, or it is there already. */
  refused: 5,
  /** What was waited for stands still until a person does something, or a check has found something wrong. */
  needsPerson: 6,
  /** The cluster or a product cloud does not answer. */
  unreachable: 7,
  /** `--timeout` has passed; as timeout(1) has it. */
  timeout: 124,
  /** Ctrl-C: 128 and the signal's number. */
  interrupted: 130,
  /** The reader of the output has gone (a pipe into head). */
  pipe: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What went wrong, for people: one line of what it is, and what to do about it. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: ExitCode;
  /** What to do; several lines where there are several ways. */
  readonly hint: string | undefined;

  constructor(exit: ExitCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
    this.hint = hint;
  }
}

/** The process was told to stop. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exit: ExitCode;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGPIPE") {
    super(`stopped by ${signal}`);
    this.exit = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGPIPE: EXIT.pipe }[signal];
  }
}
