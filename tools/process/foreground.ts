import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface ForegroundCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Where its output goes: to ours as it comes, or kept and given to `onOutput` when it ends. */
  readonly onOutput?: (text: string) => void;
  /** Shown as it comes, and given to this as well. Colours are kept where ours is a terminal. */
  readonly onShown?: (chunk: Buffer) => void;
}

/**
 * Runs a command with our standard streams until it ends; signals to us go on to it.
 * @returns its exit code, 128 + the signal's number when a signal ended it, 127 when it could not be started
 */
export async function runInForeground(options: ForegroundCommand): Promise<number> {
  const { onOutput, onShown } = options;
  const inherits = onOutput === undefined && onShown === undefined;
  const coloured = onShown !== undefined && onOutput === undefined && process.stdout.isTTY;
  const env = coloured ? { FORCE_COLOR: "1", ...(options.env ?? process.env) } : options.env;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    stdio: inherits ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    ...(env === undefined ? {} : { env }),
  });
  const chunks: Buffer[] = [];
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.on("data", (chunk: Buffer) => {
      onShown?.(chunk);
      if (onOutput !== undefined) chunks.push(chunk);
      else process[stream].write(chunk);
    });
  }
  if (onOutput !== undefined) {
    child.once("close", () => onOutput(Buffer.concat(chunks).toString("utf8")));
  }
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  try {
    return await new Promise<number>((resolve) => {
      child.once("error", (error) => {
        onOutput?.(`${options.command}: ${error.message}\n`);
        resolve(127);
      });
      child.once("close", (code, signal) => {
        resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
      });
    });
  } finally {
    process.off("SIGINT", forward);
    process.off("SIGTERM", forward);
  }
}
