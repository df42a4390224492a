import { resolve } from "node:path";
import { OwnedProcess } from "../../../tools/process/owned-process.ts";
import { cpuSeconds } from "../process-figures.ts";
import type { LoopJob, LoopResult } from "./run.ts";

const MAIN = resolve(import.meta.dirname, "main.ts");
const START_MS = 20_000;
const RUN_MS = 10 * 60_000;

/** What one job took. */
export interface Taken {
  readonly seconds: number;
  /** Of the sending process, user and system. */
  readonly cpuSeconds: number;
}

/** The tight loop's process. */
export class Loop implements AsyncDisposable {
  readonly #child: OwnedProcess;
  readonly #origin: string;

  private constructor(child: OwnedProcess, origin: string) {
    this.#child = child;
    this.#origin = origin;
  }

  static async start(): Promise<Loop> {
    const child = await OwnedProcess.start({ command: process.execPath, args: [MAIN] });
    const port = await child.line(
      (line) => (line.startsWith("{") ? (JSON.parse(line) as { port: number }).port : undefined),
      "the loop did not start",
      START_MS,
    );
    return new Loop(child, `http://127.0.0.1:${port}`);
  }

  /** @throws Error when it does not bring in all of `devices` */
  async run(job: LoopJob, devices: number): Promise<Taken> {
    const before = await cpuSeconds(this.#child.pid);
    const answer = await fetch(`${this.#origin}/run`, {
      method: "POST",
      body: JSON.stringify(job),
      signal: AbortSignal.timeout(RUN_MS),
    });
    if (!answer.ok) throw new Error(`the loop failed: ${await answer.text()}`);
    const { letIn, refused, seconds } = (await answer.json()) as LoopResult;
    if (letIn !== devices)
      throw new Error(`the loop brought in ${letIn} of ${devices}; it refused ${refused}`);
    return { seconds, cpuSeconds: (await cpuSeconds(this.#child.pid)) - before };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
  }
}
