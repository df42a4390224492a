// Writes what people install from: the Helm chart, install.yaml and the kustomize base.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { helmChart } from "./output/helm-chart.ts";
import { installYaml, kustomizeBase } from "./output/plain.ts";

const CHARTS = import.meta.dirname;
/** Folders in which nothing else lies. */
const FOLDERS = ["certferry", "kustomize"] as const;

/** Every generated file: its path under charts/, and its whole content; the same at every call. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const text = await readFile(join(CHARTS, "..", "package.json"), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  const under = (folder: string, files: Map<string, string>): [string, string][] =>
    [...files].map(([path, content]) => [join(folder, path), content]);
  return new Map([
    ...under(FOLDERS[0], helmChart(version)),
    ...under(FOLDERS[1], kustomizeBase(version)),
    ["install.yaml", installYaml(version)],
  ]);
}

/** `generate.ts [--check] [--root DIR]`; returns the exit code. */
export async function main(args: readonly string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean", default: false }, root: { type: "string", default: CHARTS } },
  });
  const wanted = await generatedFiles();
  const stale = (await present(values.root)).filter((path) => !wanted.has(path));
  for (const [path, content] of wanted) {
    const there = await readFile(join(values.root, path), "utf8").catch(() => undefined);
    if (there !== content) stale.push(path);
  }
  if (stale.length === 0) return 0;
  if (!values.check) {
    for (const path of stale) {
      const content = wanted.get(path);
      const file = join(values.root, path);
      await mkdir(dirname(file), { recursive: true });
      await (content === undefined ? rm(file) : writeFile(file, content));
    }
  }
  const names = stale.map((path) => join("charts", path)).join(", ");
  say(
    values.check
      ? `stale: ${names}; run "node charts/generate.ts" and commit what it writes`
      : `written: ${names}`,
  );
  return values.check ? 1 : 0;
}

async function present(root: string): Promise<string[]> {
  const lists = FOLDERS.map(async (folder) => {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(
      () => [],
    );
    const files = entries.filter((entry) => entry.isFile());
    return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  });
  return (await Promise.all(lists)).flat();
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
}
