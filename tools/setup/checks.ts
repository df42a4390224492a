import { execFile } from "node:child_process";
import { access, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

import { cachedControlPlane } from "../control-plane/build.ts";
import { COMPILE_FLAGS } from "../go-build/go-program.ts";
import { runInForeground } from "../process/foreground.ts";
import { brokenLinks } from "./doc-links.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const GO_PROGRAM = join(ROOT, "tools", "control-plane");
const GO_FOLDERS = [GO_PROGRAM, join(ROOT, "tools", "gitops-health")];
const run = promisify(execFile);

/** A part for the check is missing: `skip` says which. With `excused` that is as it was asked for, in CI too. */
export interface Skipped {
  readonly skip: string;
  readonly excused?: boolean;
}

export interface Check {
  readonly name: string;
  /** Undefined when all is well, else what is wrong. */
  readonly run: () => Promise<undefined | string | Skipped>;
}

/** All that `npm run check` holds against the sources; with `fix`, what can be put right is. */
export function checks(options: { fix: boolean; env?: NodeJS.ProcessEnv }): Check[] {
  const env = options.env ?? process.env;
  const bin = (name: string): string => join(ROOT, "node_modules", ".bin", name);
  return [
    { name: "format (oxfmt)", run: command(bin("oxfmt"), options.fix ? ["."] : ["--check", "."]) },
    {
      name: "lint (oxlint, type-aware)",
      run: command(bin("oxlint"), ["--deny-warnings", ...(options.fix ? ["--fix"] : [])]),
    },
    { name: "types (tsc)", run: command(bin("tsc"), ["--noEmit", "--project", "."]) },
    {
      name: "types of the console's pages (tsc)",
      run: command(bin("tsc"), ["--noEmit", "--project", "console/web"]),
    },
    { name: "types of infra (tsc)", run: command(bin("tsc"), ["--noEmit", "--project", "infra"]) },
    {
      name: "Pulumi.yaml and the pictures of the product clouds are fresh",
      run: command(process.execPath, ["infra/generate.ts", ...(options.fix ? [] : ["--check"])]),
    },
    {
      name: "CRDs are fresh",
      run: command(process.execPath, ["crds/generate.ts", ...(options.fix ? [] : ["--check"])]),
    },
    {
      name: "the Helm chart, install.yaml and the kustomize base are fresh",
      run: command(process.execPath, ["charts/generate.ts", ...(options.fix ? [] : ["--check"])]),
    },
    { name: "links in the documents", run: docLinks },
    { name: "Go: gofmt", run: async () => await gofmt(options.fix, env) },
    { name: "Go: vet", run: async () => await goVet(env) },
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

async function gofmt(fix: boolean, env: NodeJS.ProcessEnv): Promise<undefined | string | Skipped> {
  if (!(await hasGo(env))) return skipped("Go is not installed", env);
  const { stdout } = await run("gofmt", [fix ? "-w" : "-l", ...GO_FOLDERS], { env, timeout: 60_000 });
  return stdout.trim() === "" ? undefined : `not formatted: ${stdout.trim().split("\n").join(", ")}`;
}

/**
 * Vet needs the compiled modules, minutes of work where Go's own cache is cold. So it runs once for each state
 * of the Go sources, after their build, and leaves a mark beside it.
 */
async function goVet(env: NodeJS.ProcessEnv): Promise<undefined | string | Skipped> {
  if (!(await hasGo(env))) return skipped("Go is not installed", env);
  const built = await cachedControlPlane(env);
  if (built === undefined) return skipped("the control plane is not built (`npm test` builds it)", env);
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
    env,
    onOutput: (text) => (output = text),
  });
  if (exitCode !== 0) return output.trim() || `exit code ${exitCode}`;
  await writeFile(mark, "");
  return undefined;
}

/** Who names a control plane of another origin does not build the one of the Go sources. */
function skipped(why: string, env: NodeJS.ProcessEnv): Skipped {
  const named = ["CERTFERRY_CONTROL_PLANE", "KUBEBUILDER_ASSETS"].find((name) => (env[name] ?? "") !== "");
  return named === undefined ? { skip: why } : { skip: `${why}, and ${named} is used`, excused: true };
}

async function hasGo(env: NodeJS.ProcessEnv): Promise<boolean> {
  return await run("go", ["version"], { env, timeout: 60_000 }).then(
    () => true,
    () => false,
  );
}
