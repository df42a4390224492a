import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findKubectl } from "../tools/kubectl/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";

const run = promisify(execFile);
const missingKubectl = await missingPart(findKubectl());
const MAIN = join(import.meta.dirname, "main.ts");
/** A name that a shell would run, were it not careful. */
const HOSTILE = "$(touch pwned)";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-completion-"));
  const program = join(folder, "certferry");
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  await chmod(program, 0o755);
  const cluster = { name: "none", cluster: { server: "https://127.0.0.1:1" } };
  const contexts = ["plain", HOSTILE].map((name) => ({ name, context: { cluster: "none", user: "none" } }));
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [cluster],
    contexts,
    "current-context": "plain",
  };
  await writeFile(join(folder, "config"), JSON.stringify({ ...config, users: [{ name: "none", user: {} }] }));
});

afterAll(async () => await rm(folder, { recursive: true, force: true }));

async function inShell(shell: string, flags: readonly string[], script: string): Promise<string[]> {
  const env = {
    PATH: `${folder}:${process.env["PATH"] ?? ""}`,
    HOME: folder,
    KUBECONFIG: join(folder, "config"),
    TERM: "xterm",
  };
  const { stdout } = await run(shell, [...flags, "-c", script], { cwd: folder, env, timeout: 30_000 });
  return stdout.split(/\r?\n/).filter((line) => line !== "");
}

describe("the completion of the kubectl plugin", () => {
  const complete = async (...words: string[]): Promise<string[]> => {
    const plugin = join(folder, "kubectl_complete-certferry");
    await symlink(MAIN, plugin).catch(() => undefined);
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: join(folder, "config") };
    const { stdout } = await run(process.execPath, [plugin, ...words], { cwd: folder, env });
    return stdout.split("\n").filter((line) => line !== "");
  };

  it("tells kubectl what fits, and that files are to be offered where nothing else does", async () => {
    expect(await complete("st")).toEqual(["status", ":4"]);
    expect(await complete("status", "--no")).toEqual(["--no-watch", ":4"]);
    expect(await complete("--context", "")).toEqual([HOSTILE, "plain", ":4"]);
    expect(await complete("reel", "add", "conf")).toEqual([":0"]);
  });
});

describe.skipIf(missingKubectl !== undefined)(`kubectl's completion${missingKubectl ?? ""}`, () => {
  it("knows the commands of the plugin", async () => {
    const { path } = await findKubectl();
    const plugins = join(folder, "plugins");
    await mkdir(plugins);
    for (const name of ["kubectl-certferry", "kubectl_complete-certferry"]) {
      await symlink(MAIN, join(plugins, `${name}.ts`));
      const script = `#!/bin/sh\nexec "${process.execPath}" "${join(plugins, name)}.ts" "$@"\n`;
      await writeFile(join(plugins, name), script, { mode: 0o755 });
    }
    const env = { PATH: `${plugins}:${process.env["PATH"] ?? ""}`, HOME: folder };
    const { stdout } = await run(path, ["__complete", "certferry", "status", "--no"], { env });
    expect(stdout).toMatch(/^--no-watch$/m);
    expect(stdout).toMatch(/^:4$/m);
  });
});

/** Shells that are not on this machine are not tried. */
async function has(shell: string): Promise<boolean> {
  return await run(shell, ["-c", "true"]).then(
    () => true,
    () => false,
  );
}

describe.skipIf(!(await has("bash")))("the completion of bash", () => {
  const complete = (...words: string[]): Promise<string[]> =>
    inShell(
      "bash",
      ["--norc"],
      `source <(certferry completion bash)
       COMP_WORDS=(certferry ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
       _certferry; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );

  it("offers what fits, and runs nothing of what it is offered", async () => {
    expect(await complete("st")).toEqual(["status"]);
    expect(await complete("status", "--no")).toEqual(["--no-watch"]);
    // As it must stand on the line to be that name, and nothing that is run.
    expect(await complete("--context", "")).toEqual(["\\$\\(touch\\ pwned\\)", "plain"]);
    expect(await readdir(folder)).not.toContain("pwned");
  });
});

describe.skipIf(!(await has("fish")))("the completion of fish", () => {
  const complete = (line: string): Promise<string[]> =>
    inShell("fish", ["--no-config"], `certferry completion fish | source; complete -C '${line}'`);

  it("offers what fits, and files where nothing else does", async () => {
    expect(await complete("certferry st")).toEqual(["status"]);
    expect(await complete("certferry completion ")).toEqual(["bash", "fish", "zsh"]);
    expect(await complete("certferry --context ")).toEqual([HOSTILE, "plain"]);
    expect(await complete("certferry reel add conf")).toEqual(["config"]);
    expect(await readdir(folder)).not.toContain("pwned");
  });
});

describe.skipIf(!(await has("zsh")))("the completion of zsh", () => {
  /** The line as it stands after Tab was pressed, in a terminal of its own. */
  const complete = async (load: string, line: string): Promise<string> => {
    const lines = await inShell(
      "zsh",
      ["-f"],
      `zmodload zsh/zpty
       zpty shell 'TERM=dumb zsh -f -i'
       zpty -w shell "PROMPT= ; fpath=(${folder}/functions \\$fpath); autoload -Uz compinit; compinit -u -D; ${load}"
       zpty -w shell "print RE''ADY"
       zpty -r shell seen '*READY*'
       zpty -n -w shell $'${line}\t'
       sleep 3
       zpty -n -w shell $'\x01print -r -- LINE \n'
       zpty -w shell "print EN''D"
       zpty -r shell seen '*END*'
       print -r -- "$seen"`,
    );
    return lines.findLast((each) => each.startsWith("LINE "))?.trim() ?? lines.join("\n");
  };

  it("offers what fits, when its script is sourced and when it is in a folder of functions", async () => {
    const load = "source <(certferry completion zsh)";
    expect(await complete(load, "certferry st")).toBe("LINE certferry status");
    const functions = join(folder, "functions");
    await mkdir(functions);
    const { stdout } = await run(process.execPath, [MAIN, "completion", "zsh"]);
    await writeFile(join(functions, "_certferry"), stdout);
    expect(await complete("true", "certferry comp")).toBe("LINE certferry completion");
  });
});
