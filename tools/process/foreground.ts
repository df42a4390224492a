import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface ForegroundCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Where its output goes: to ours as it comes, or kept and given to `onOutput` when it ends. */
  readonly onOutput?: (text: string) => void;
}

/**
 * Runs a command with our standard streams until it ends; signals to us go on to it.
 * @returns its exit code, 128 + the signal's number when a signal ended it, 127 when it could not be started
 */
export async function runInForeground(options: ForegroundCommand): Promise<number> {
  const { onOutput } = options;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    stdio: onOutput === undefined ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  if (onOutput !== undefined) {
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
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
