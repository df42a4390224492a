import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

import { keepStream, outputName } from "./kept-output.ts";
import { waitUntilStopped } from "./liveness.ts";
import { processEnded, reapProcess } from "./reaper.ts";

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface OwnedProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How many of the last lines of each stream are kept; 200 unless told. */
  readonly keptLines?: number;
}

type Stream = "stdout" | "stderr";
type LineListener = (line: string, stream: Stream) => void;

const LONGEST_KEPT_LINE = 4000;

/**
 * A child process in a session of its own (Ctrl-C in the terminal reaches its owner only, which stops it in
 * order), whose output is kept in a bounded tail, and which never outlives its owner.
 */
export class OwnedProcess {
  readonly pid: number;
  /** Resolves when the process is gone and its output has been read. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #tails: Record<Stream, string[]> = { stdout: [], stderr: [] };
  readonly #listeners = new Set<LineListener>();
  readonly #keptLines: number;
  #ending: Ending | undefined;

  private constructor(child: ChildProcess, pid: number, keptLines: number) {
    this.#child = child;
    this.pid = pid;
    this.#keptLines = keptLines;
    this.ended = new Promise((resolve) => {
      child.once("exit", () => {
        // What it started itself would keep our ends of its pipes open, and run on.
        this.#signalGroup("SIGKILL");
        processEnded(pid);
      });
      child.once("close", (code, signal) => {
        this.#ending = { code, signal };
        resolve(this.#ending);
      });
    });
    this.#read("stdout");
    this.#read("stderr");
  }

  /**
   * Starts the process.
   * @throws Error when the command cannot be started (not found, not executable)
   */
  static async start(options: OwnedProcessOptions): Promise<OwnedProcess> {
    const child = spawn(options.command, options.args ?? [], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const { pid } = child;
    if (pid === undefined) {
      const cause = await new Promise<Error>((resolve) => child.once("error", resolve));
      throw new Error(`${options.command} could not be started: ${cause.message}`, { cause });
    }
    reapProcess(pid);
    child.on("error", () => {});
    const name = `${outputName(options.command, options.args ?? [])}-${pid}`;
    keepStream(name, child.stdout);
    keepStream(name, child.stderr);
    return new OwnedProcess(child, pid, options.keptLines ?? 200);
  }

  /** Undefined while the process runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The last lines of a stream, oldest first. */
  tail(stream: Stream): readonly string[] {
    return this.#tails[stream];
  }

  /** Calls the listener with each line from now on; the returned function ends that. */
  onLine(listener: LineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits for a line for which `read` gives something, among those already kept and those to come.
   * @throws Error when the process ends first or the deadline (milliseconds) passes, with what it wrote to stderr
   */
  async line<T>(
    read: (line: string, stream: Stream) => T | undefined,
    what: string,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<T> {
    for (const stream of ["stdout", "stderr"] as const) {
      for (const line of this.#tails[stream]) {
        const found = read(line, stream);
        if (found !== undefined) return found;
      }
    }
    return await this.nextLine(read, what, deadline, signal);
  }

  /** As line(), but only for lines that are still to come. */
  async nextLine<T>(
    read: (line: string, stream: Stream) => T | undefined,
    what: string,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(deadline);
    const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const settled = new AbortController();
    const fail = (why: string): Error => new Error(`${what}: ${why}${this.#lastWords()}`);
    const found = new Promise<T>((resolve, reject) => {
      const off = this.onLine((line, stream) => {
        const value = read(line, stream);
        if (value !== undefined) resolve(value);
      });
      settled.signal.addEventListener("abort", off);
      const onAbort = (): void => {
        reject(fail(timeout.aborted ? `not within ${deadline / 1000} s` : "given up, as was asked for"));
      };
      if (stop.aborted) onAbort();
      else stop.addEventListener("abort", onAbort, { signal: settled.signal });
    });
    const endedFirst = async (): Promise<never> => {
      const ending = await this.ended;
      throw fail(`the process ended first (${describeEnding(ending)})`);
    };
    try {
      return await Promise.race([found, endedFirst()]);
    } finally {
      settled.abort();
    }
  }

  /**
   * Sends a signal; nothing happens when the process is gone. SIGKILL, SIGSTOP and SIGCONT, which it cannot
   * pass on, go to what it started too.
   */
  signal(name: NodeJS.Signals): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (name === "SIGKILL" || name === "SIGSTOP" || name === "SIGCONT") this.#signalGroup(name);
    else this.#child.kill(name);
  }

  /** SIGSTOP; when it returns, the process does nothing until resume(). */
  pause(): void {
    this.signal("SIGSTOP");
    waitUntilStopped(this.pid);
  }

  /** SIGCONT. */
  resume(): void {
    this.signal("SIGCONT");
  }

  /** SIGTERM, and SIGKILL after `graceMs`; resolves when the process is gone. Stopped processes are continued. */
  async stop(graceMs = 10_000): Promise<Ending> {
    this.signal("SIGTERM");
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.signal("SIGKILL"), graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<Ending> {
    this.signal("SIGKILL");
    return await this.ended;
  }

  #signalGroup(name: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, name);
    } catch {
      // Nobody is left in it.
    }
  }

  #read(stream: Stream): void {
    const source = this.#child[stream];
    if (source === null) return;
    const tail = this.#tails[stream];
    createInterface({ input: source, crlfDelay: Infinity }).on("line", (line) => {
      tail.push(line.slice(0, LONGEST_KEPT_LINE));
      if (tail.length > this.#keptLines) tail.shift();
      for (const listener of this.#listeners) listener(line, stream);
    });
  }

  #lastWords(): string {
    const { stdout, stderr } = this.#tails;
    const words = (stderr.length > 0 ? stderr : stdout).slice(-20);
    return words.length === 0 ? "" : `. It last wrote:\n  ${words.join("\n  ")}`;
  }
}

/** Says how a process ended, for messages. */
export function describeEnding(ending: Ending): string {
  return ending.signal === null ? `exit code ${ending.code ?? "unknown"}` : ending.signal;
}
