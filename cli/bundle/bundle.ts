import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { bundleProgram } from "../../image/bundle.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "cli", "main.ts");
const NAME = "certferry";

/**
 * Bundles the command line into one file (`main.js`), with the few that it needs beside it: what starts it
 * (`certferry.js`), the threads that pack and unpack, and 7-Zip.
 * @returns files by name, source maps too
 * @throws BundleError that says which file cannot be bundled, and why
 */
export async function bundleCommandLine(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { files } = await bundleProgram(MAIN, { compact: true });
  const { engines, ...own } = await packageFacts();
  return new Map([
    ...files,
    [`${NAME}.js`, Buffer.from(starter(engines.node))],
    ["package.json", Buffer.from(packageJson({ ...own, engines }))],
  ]);
}

/**
 * What is called first, in words that any Node with modules knows: an older one would print the bundle, and what it does
 * not understand in it.
 * @param range `>=24`, as package.json has it
 */
function starter(range: string): string {
  const oldest = Number(range.replace(/\D/gu, ""));
  return `#!/usr/bin/env node
if (parseInt(process.versions.node, 10) < ${oldest}) {
  process.stderr.write("error: certferry needs Node ${oldest} or newer; this is " + process.version + " (" + process.execPath + ")\\n");
  process.exitCode = 1;
} else {
  import("./main.js");
}
`;
}

interface PackageFacts {
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly engines: { readonly node: string };
}

async function packageFacts(): Promise<PackageFacts> {
  const facts = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as PackageFacts;
  const { version, license, description, engines } = facts;
  return { version, license, description, engines };
}

/** Of the folder that is installed: three names for one program, and nothing that it depends on. */
function packageJson({ version, description, license, engines }: PackageFacts): string {
  const program = `${NAME}.js`;
  const bin = {
    certferry: program,
    "kubectl-certferry": program,
    "kubectl_complete-certferry": program,
  };
  const own = { name: "certferry", version, description, license, type: "module", bin, engines };
  return `${JSON.stringify(own, null, 2)}\n`;
}
