import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { certferry, type CommandRun } from "./testing/command-line.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-out-"));
});

afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** There is no cluster: what is said of the file was said before one was asked. */
async function cli(...args: string[]): Promise<CommandRun> {
  return await certferry([...args, "--kubeconfig", join(folder, "none")], { cwd: folder });
}

const COMMANDS = [
  ["keys", "init"],
  ["keys", "show"],
  ["keys", "rotate"],
  ["manifest", "d001"],
] as const;

describe.each(COMMANDS)("%s %s --out", (...command) => {
  it("writes over no file before it was told to", async () => {
    await writeFile(join(folder, "out"), "mine");
    const refused = await cli(...command, "--out", "out");
    expect(refused.stderr).toMatch(/^error: out is there already\n.*--force/);
    expect(refused.code).toBe(5);
    expect(await readFile(join(folder, "out"), "utf8")).toBe("mine");
    const forced = await cli(...command, "--out", "out", "--force");
    expect(forced.stderr).toMatch(/none/);
    expect(forced.stderr).not.toMatch(/there already/);
  });

  it("asks no cluster when there is nowhere to write", async () => {
    const { code, stderr } = await cli(...command, "--out", "away/out");
    expect(stderr).toMatch(/^error: there is no folder away to write away\/out into\n/);
    expect(code).toBe(2);
  });
});

describe("--out", () => {
  it("says what is wrong with it", async () => {
    await mkdir(join(folder, "shut"));
    await chmod(join(folder, "shut"), 0o500);
    const cases = [
      ["shut", /shut is a folder/],
      ["/dev/null", /\/dev\/null is no file/],
      // Nobody keeps the superuser out.
      ...(process.getuid?.() === 0 ? [] : [["shut/out", /you may not write into shut/] as const]),
    ] as const;
    for (const [out, says] of cases) {
      const { code, stderr } = await cli("keys", "show", "--out", out, "--force");
      expect(stderr).toMatch(says);
      expect(code).toBe(2);
    }
  });
});
