import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { argoHealthOf, kstatusOf } from "../../tools/gitops-health/source.ts";
import { reapFolder } from "../../tools/process/reaper.ts";

const ARGOCD_CM = resolve(import.meta.dirname, "../../gitops/argocd/argocd-cm.yaml");

/** What GitOps tools make of an object. */
export interface Verdicts {
  readonly flux: string;
  readonly argo: string;
}

/** Asks both tools, with the health checks that are shipped. */
export class Tools {
  readonly #folder: string;
  readonly #scripts: ReadonlyMap<string, string>;

  private constructor(folder: string, scripts: ReadonlyMap<string, string>) {
    this.#folder = folder;
    this.#scripts = scripts;
  }

  static async open(): Promise<Tools> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-gitops-"));
    reapFolder(folder);
    const { data } = parse(await readFile(ARGOCD_CM, "utf8")) as { data: Record<string, string> };
    const scripts = new Map<string, string>();
    for (const [key, script] of Object.entries(data)) {
      const kind = /^resource\.customizations\.health\.certferry\.dev_(\w+)$/u.exec(key)?.[1];
      if (kind === undefined) throw new Error(`${ARGOCD_CM} has a key that is no health check: ${key}`);
      const file = join(folder, `${kind}.lua`);
      await writeFile(file, script);
      scripts.set(kind, file);
    }
    return new Tools(folder, scripts);
  }

  /** The kinds that there are health checks for. */
  get kinds(): string[] {
    return [...this.#scripts.keys()].sort();
  }

  async of(object: KubeObject): Promise<Verdicts> {
    const script = this.#scripts.get(object.kind);
    if (script === undefined) throw new Error(`there is no health check for a ${object.kind}`);
    const [[flux], [argo]] = await Promise.all([kstatusOf([object]), argoHealthOf(script, [object])]);
    return { flux: flux?.status ?? "", argo: argo?.status ?? "" };
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
