import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

const RUN = resolve(import.meta.dirname, "../../.ci/run");

describe(".ci/run", () => {
  let project: string;

  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), "certferry-ci-"));
    await mkdir(join(project, ".ci"));
    await mkdir(join(project, "tools", "setup"), { recursive: true });
    await cp(RUN, join(project, ".ci", "run"));
  });

  afterEach(async () => {
    await rm(project, { recursive: true, force: true });
  });

  /** Runs it with this in place of all that it starts; `counts` there writes the counts file. */
  async function run(script: string): Promise<{ code: number; lastLine: string | undefined }> {
    const preamble =
      'import { writeFileSync } from "node:fs";\n' +
      'const file = process.argv[process.argv.indexOf("--counts-file") + 1];\n' +
      "const counts = (text) => writeFileSync(file, text);\n";
    await writeFile(join(project, "tools", "setup", "bootstrap.mjs"), preamble + script);
    return await new Promise((done) => {
      execFile("bash", [join(project, ".ci", "run")], { cwd: tmpdir(), timeout: 30_000 }, (error, stdout) => {
        const lines = stdout.trimEnd().split("\n");
        done({ code: error === null ? 0 : Number(error.code), lastLine: lines.at(-1) });
      });
    });
  }

  it("ends with the counts alone on the last line", async () => {
    const result = await run('console.log("Tests 3 passed (3)"); counts("3 passed, 0 failed\\n");');
    expect(result).toEqual({ code: 0, lastLine: "3 passed, 0 failed" });
  });

  it("fails when something has failed", async () => {
    const result = await run('counts("3 passed, 1 failed\\n"); process.exit(1);');
    expect(result).toEqual({ code: 1, lastLine: "3 passed, 1 failed" });
  });

  it.each([
    ["the set-up fails", "process.exit(4);", 4],
    ["the runner is killed", 'process.kill(process.pid, "SIGKILL");', 137],
    ["all seems well but nothing was counted", "", 1],
    ["what was counted is cut off", 'counts("3 pas"); process.exit(2);', 2],
  ])("counts it as failed when %s", async (_case, script, code) => {
    expect(await run(script)).toEqual({ code, lastLine: "0 passed, 1 failed" });
  });
});
