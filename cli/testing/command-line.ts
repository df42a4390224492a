import { spawn } from "node:child_process";
import { dirname, join, resolve } from "node:path";

const MAIN = resolve(import.meta.dirname, "../main.ts");
const IN_TERMINAL = join(import.meta.dirname, "in_terminal.py");
const DEADLINE_MS = 60_000;

export interface CommandRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** In a pseudo-terminal of this size: both outputs are then in `stdout`. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Called with all that was written so far; what it gives is typed, once. */
  readonly type?: (seen: string) => string | undefined;
  /** After so many bytes nobody reads any more. */
  readonly closeAfter?: number;
  /** Another program than the sources: a bundle. */
  readonly main?: string;
}

/** Runs the command line as a process of its own, in a pipe or in a pseudo-terminal. */
export async function certferry(args: readonly string[], options: CommandOptions = {}): Promise<CommandRun> {
  const own = [process.execPath, options.main ?? MAIN, ...args];
  const { columns, rows } = options.terminal ?? {};
  const [command = "", ...rest] =
    options.terminal === undefined ? own : ["python3", IN_TERMINAL, String(columns), String(rows), ...own];
  const { main } = options;
  const env = {
    // Nothing of whoever runs the tests: neither their cluster nor their colours.
    PATH: process.env["PATH"] ?? "",
    HOME: "/nonexistent",
    LANG: "C.UTF-8",
    TERM: "xterm",
    // Of a program that is run many times, what was compiled is kept beside it.
    ...(main === undefined ? {} : { NODE_COMPILE_CACHE: join(dirname(main), "compiled") }),
    ...options.env,
  };
  const child = spawn(command, rest, {
    env,
    stdio: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = "";
  let stderr = "";
  let typed = false;
  const late = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  child.stdin.on("error", () => {});
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (options.closeAfter !== undefined && stdout.length >= options.closeAfter) child.stdout.destroy();
    type();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    type();
  });
  if (options.terminal === undefined) child.stdin.end(options.stdin ?? "");
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  clearTimeout(late);
  return { code, stdout, stderr };

  function type(): void {
    const text = typed ? undefined : options.type?.(stdout + stderr);
    if (text === undefined) return;
    typed = true;
    if (options.terminal !== undefined) child.stdin.write(text);
    else child.kill("SIGINT");
  }
}

const ESCAPE = "\u001B";
/** A move up, an erasure below, a new line, any other code, or text. */
const WRITTEN = new RegExp(
  `${ESCAPE}\\[(\\d+)A|(${ESCAPE}\\[0J)|(\n)|${ESCAPE}\\[[?0-9;]*[a-zA-Z]|\r|([^${ESCAPE}\r\n]+)`,
  "g",
);

/** What a terminal shows in the end of what was written to it; as much of one as the command line makes use of. */
export function screenOf(written: string, columns: number): string[] {
  const lines: string[] = [""];
  let row = 0;
  for (const [, up, erase, newline, text] of written.matchAll(WRITTEN)) {
    if (up !== undefined) row = Math.max(0, row - Number(up));
    else if (erase !== undefined) lines.splice(row, lines.length, "");
    else if (newline !== undefined) {
      row += 1;
      lines[row] ??= "";
    } else if (text !== undefined) {
      lines[row] = (lines[row] ?? "") + text;
      if ((lines[row] ?? "").length > columns)
        throw new Error(`a line is wider than ${columns}: ${lines[row] ?? ""}`);
    }
  }
  return lines;
}
