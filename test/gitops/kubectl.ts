import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findKubectl } from "../../tools/kubectl/source.ts";

const run = promisify(execFile);

/** What a run of kubectl came to; `diff` and `wait` tell by the exit code. */
export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** kubectl, for one cluster, as an administrator. */
export class Kubectl {
  readonly #kubeconfig: string;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** @throws Error with what it wrote, unless it exits with 0 */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  async try(...args: string[]): Promise<Answer> {
    const { path } = await findKubectl();
    const env = { ...process.env, KUBECONFIG: this.#kubeconfig };
    try {
      const { stdout, stderr } = await run(path, args, { env, timeout: 60_000, maxBuffer: 1e8 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout = "", stderr = "" } = error as Partial<Answer>;
      if (typeof code !== "number") throw error;
      return { code, stdout, stderr };
    }
  }
}
