import { mkdir, readFile, readdir, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { customResourceDefinition } from "./crd.ts";
import { definitions } from "./definitions.ts";

/** Where the generated definitions are committed. */
export const YAML_FOLDER = join(import.meta.dirname, "yaml");

const HEADER = "# Generated from crds/schema by crds/generate.ts; change it there.\n";

/** Every generated file: its name and its whole content; the same at every call. */
export function generatedFiles(): Map<string, string> {
  return new Map(
    definitions.map((definition) => {
      const crd = customResourceDefinition(definition);
      // YAML 1.1 is what kubectl reads; it takes more words for booleans and numbers than 1.2 does.
      const text = stringify(crd, { version: "1.1", lineWidth: 110, aliasDuplicateObjects: false });
      return [`${crd.metadata.name}.yaml`, HEADER + text];
    }),
  );
}

/**
 * Files in `folder` that are missing, differ from what the schemas give, or belong to no kind (any more).
 * @returns their names, sorted; none when all is fresh
 */
export async function staleFiles(folder: string): Promise<string[]> {
  const wanted = generatedFiles();
  const present = await namesIn(folder);
  const stale = present.filter((name) => !wanted.has(name));
  for (const [name, content] of wanted) {
    const fresh = present.includes(name) && (await readFile(join(folder, name), "utf8")) === content;
    if (!fresh) stale.push(name);
  }
  return stale.sort();
}

/** Brings `folder` up to date. Returns the names of the files that were written or removed. */
export async function generate(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const wanted = generatedFiles();
  const stale = await staleFiles(folder);
  for (const name of stale) {
    const content = wanted.get(name);
    await (content === undefined ? unlink(join(folder, name)) : writeFile(join(folder, name), content));
  }
  return stale;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** `generate.ts [--check] [--folder DIR]`; returns the exit code. */
export async function main(args: readonly string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean", default: false }, folder: { type: "string", default: YAML_FOLDER } },
  });
  if (!values.check) {
    const written = await generate(values.folder);
    say(written.length === 0 ? "crds/yaml is up to date" : `written: ${written.join(", ")}`);
    return 0;
  }
  const stale = await staleFiles(values.folder);
  if (stale.length === 0) return 0;
  say(`stale in crds/yaml: ${stale.join(", ")}; run "node crds/generate.ts" and commit what it writes`);
  return 1;
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
}
