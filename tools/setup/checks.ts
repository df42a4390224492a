import { execFile } from "node:child_process";
import { access, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { COMPILE_FLAGS, cachedControlPlane } from "../control-plane/build.ts";
import { runInForeground } from "../process/foreground.ts";
import { brokenLinks } from "./doc-links.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const GO_PROGRAM = join(ROOT, "tools", "control-plane");
const run = promisify(execFile);

export interface Check {
  readonly name: string;
  /** Undefined when all is well, else what is wrong. `skip` says that a part for the check is missing. */
  readonly run: () => Promise<undefined | string | { skip: string }>;
}

/** All that `npm run check` holds against the sources; with `fix`, what can be put right is. */
export function checks(options: { fix: boolean }): Check[] {
  const bin = (name: string): string => join(ROOT, "node_modules", ".bin", name);
  return [
    { name: "format (oxfmt)", run: command(bin("oxfmt"), options.fix ? ["."] : ["--check", "."]) },
    {
      name: "lint (oxlint, type-aware)",
      run: command(bin("oxlint"), ["--deny-warnings", ...(options.fix ? ["--fix"] : [])]),
    },
    { name: "types (tsc)", run: command(bin("tsc"), ["--noEmit", "--project", "."]) },
    {
      name: "CRDs are fresh",
      run: command(process.execPath, ["crds/generate.ts", ...(options.fix ? [] : ["--check"])]),
    },
    { name: "links in the documents", run: docLinks },
    { name: "Go: gofmt", run: async () => await gofmt(options.fix) },
    { name: "Go: vet", run: goVet },
  ];
}

function command(file: string, args: readonly string[]): Check["run"] {
  return async () => {
    let output = "";
    const exitCode = await runInForeground({
      command: file,
      args,
      cwd: ROOT,
      onOutput: (text) => (output = text),
    });
    return exitCode === 0 ? undefined : output.trim() || `exit code ${exitCode}`;
  };
}

async function docLinks(): Promise<string | undefined> {
  const { stdout } = await run("git", ["ls-files", "-co", "--exclude-standard", "*.md"], { cwd: ROOT });
  const broken = await brokenLinks(ROOT, stdout.split("\n").filter(Boolean));
  return broken.length === 0 ? undefined : broken.join("\n");
}

async function gofmt(fix: boolean): Promise<undefined | string | { skip: string }> {
  if (!(await hasGo())) return { skip: "Go is not installed" };
  const { stdout } = await run("gofmt", [fix ? "-w" : "-l", "."], { cwd: GO_PROGRAM, timeout: 60_000 });
  return stdout.trim() === "" ? undefined : `not formatted: ${stdout.trim().split("\n").join(", ")}`;
}

/**
 * Vet needs the compiled modules, minutes of work where Go's own cache is cold. So it runs once for each state
 * of the Go sources, after their build, and leaves a mark beside it.
 */
async function goVet(): Promise<undefined | string | { skip: string }> {
  if (!(await hasGo())) return { skip: "Go is not installed" };
  const built = await cachedControlPlane(process.env);
  if (built === undefined) return { skip: "the control plane is not built yet (`npm test` builds it)" };
  const mark = join(dirname(built), "vetted");
  const done = await access(mark).then(
    () => true,
    () => false,
  );
  if (done) return undefined;
  let output = "";
  const exitCode = await runInForeground({
    command: "go",
    args: ["vet", ...COMPILE_FLAGS, "."],
    cwd: GO_PROGRAM,
    onOutput: (text) => (output = text),
  });
  if (exitCode !== 0) return output.trim() || `exit code ${exitCode}`;
  await writeFile(mark, "");
  return undefined;
}

async function hasGo(): Promise<boolean> {
  return await run("go", ["version"], { timeout: 60_000 }).then(
    () => true,
    () => false,
  );
}
