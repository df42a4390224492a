import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { bundleProgram } from "../../image/bundle.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "cli", "main.ts");
const NAME = "certferry";

/**
 * Bundles the command line into one file (`certferry.js`), with the few that it needs beside it: the threads that
 * pack and unpack, and 7-Zip.
 * @returns files by name, source maps too
 * @throws BundleError that says which file cannot be bundled, and why
 */
export async function bundleCommandLine(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { files } = await bundleProgram(MAIN, { name: NAME, compact: true });
  return new Map([...files, ["package.json", Buffer.from(await packageJson())]]);
}

/** Of the folder that is installed: three names for one program, and nothing that it depends on. */
async function packageJson(): Promise<string> {
  const { version, license, description, engines } = JSON.parse(
    await readFile(join(ROOT, "package.json"), "utf8"),
  ) as Record<string, unknown>;
  const program = `${NAME}.js`;
  const bin = {
    certferry: program,
    "kubectl-certferry": program,
    "kubectl_complete-certferry": program,
  };
  const own = { name: "certferry", version, description, license, type: "module", bin, engines };
  return `${JSON.stringify(own, null, 2)}\n`;
}
