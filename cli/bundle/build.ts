// Lays the folder that is installed: `node cli/bundle/build.ts --out DIR` (cli/dist unless told).
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleCommandLine } from "./bundle.ts";

const DIST = resolve(import.meta.dirname, "../dist");

/**
 * Writes the command line as it is installed: `npm install --global DIR`, or a link to DIR/certferry.js.
 * @param folder is emptied first
 * @returns the program's path
 */
export async function layCommandLine(folder: string): Promise<string> {
  const files = await bundleCommandLine();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  const program = join(folder, "certferry.js");
  await chmod(program, 0o755);
  return program;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: DIST } } });
  process.stdout.write(`${await layCommandLine(values.out)}\n`);
}
