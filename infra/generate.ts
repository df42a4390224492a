// Writes what is made from the sources of infra/: Pulumi.yaml, and the pictures in the docs.
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { pictures } from "./graph/pictures.ts";
import { projectFile } from "./project-file.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Every generated file: its path from the top, and its whole content; the same at every call. */
export async function generatedFiles(): Promise<Map<string, string>> {
  return new Map([["Pulumi.yaml", projectFile()], ...(await pictures())]);
}

/** `generate.ts [--check] [--root DIR]`; returns the exit code. */
export async function main(args: readonly string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean", default: false }, root: { type: "string", default: ROOT } },
  });
  const stale: string[] = [];
  for (const [path, content] of await generatedFiles()) {
    const file = join(values.root, path);
    if ((await readFile(file, "utf8").catch(() => undefined)) === content) continue;
    stale.push(path);
    if (!values.check) await writeFile(file, content);
  }
  if (stale.length === 0) return 0;
  say(
    values.check
      ? `stale: ${stale.join(", ")}; run "node infra/generate.ts" and commit what it writes`
      : `written: ${stale.join(", ")}`,
  );
  return values.check ? 1 : 0;
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
}
