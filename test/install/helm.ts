import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ValuesInput } from "../../charts/values/schema.ts";
import { findHelm } from "../../tools/helm/source.ts";
import { reapFolder } from "../../tools/process/reaper.ts";

const run = promisify(execFile);
/** The chart as it is committed. */
export const CHART = join(import.meta.dirname, "../../charts/certferry");

/** Helm, for one cluster. */
export class Helm {
  readonly #path: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #folder: string;

  private constructor(path: string, folder: string, kubeconfig: string) {
    this.#path = path;
    this.#folder = folder;
    this.#env = {
      ...process.env,
      KUBECONFIG: kubeconfig,
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
    };
  }

  static async open(kubeconfig: string): Promise<Helm> {
    const { path } = await findHelm();
    const folder = await mkdtemp(join(tmpdir(), "certferry-helm-"));
    reapFolder(folder);
    return new Helm(path, folder, kubeconfig);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Installs a release, or brings it up to date. Nothing is waited for: there is no kubelet. */
  async upgrade(namespace: string, values: ValuesInput, ...more: string[]): Promise<string> {
    const file = join(this.#folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    const args = ["--install", "--namespace", namespace, "--values", file, ...more];
    return await this.run("upgrade", "certferry", CHART, ...args);
  }

  /** @throws Error with what helm wrote */
  async run(...args: string[]): Promise<string> {
    return (await run(this.#path, args, { env: this.#env, timeout: 120_000, maxBuffer: 1e8 })).stdout;
  }
}
