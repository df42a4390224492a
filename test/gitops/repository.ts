import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseDocument, stringify } from "yaml";
import { reapFolder } from "../../tools/process/reaper.ts";

const SAMPLE = resolve(import.meta.dirname, "../../gitops/repository");

/** A working copy of the sample repository, with an overlay that leads its CloudApis to a test's own clouds. */
export class Repository {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async clone(): Promise<Repository> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-repository-"));
    reapFolder(folder);
    await cp(SAMPLE, folder, { recursive: true });
    return new Repository(folder);
  }

  /** Edits one object of a file: a pull request that is merged. */
  async edit(
    file: string,
    change: (object: { setIn(path: string[], value: unknown): void }) => void,
  ): Promise<void> {
    const path = join(this.folder, file);
    const document = parseDocument(await readFile(path, "utf8"));
    change({ setIn: (at, value) => document.setIn(at, value) });
    await writeFile(path, document.toString());
  }

  /**
   * Writes an overlay over an account's folder.
   * @param specs what replaces parts of the spec of a CloudApi, by its name
   * @returns the overlay's folder
   */
  async overlay(account: string, specs: Readonly<Record<string, object>>): Promise<string> {
    const folder = await mkdtemp(join(this.folder, "overlay-"));
    const patches = Object.entries(specs).map(([name, spec]) => ({
      target: { kind: "CloudApi", name },
      patch: stringify({
        apiVersion: "certferry.dev/v1alpha1",
        kind: "CloudApi",
        metadata: { name },
        spec,
      }),
    }));
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: [`../accounts/${account}`],
      patches,
    };
    await writeFile(join(folder, "kustomization.yaml"), stringify(kustomization));
    return folder;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
