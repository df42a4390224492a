import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { KEPT_OUTPUT, keepOutput, keepSecret } from "../process/kept-output.ts";
import { OwnedProcess } from "../process/owned-process.ts";
import { searchOutput, withSearch } from "./output-search.ts";

const COUNTS = { passed: 3, failed: 0, skipped: 0, notes: [], troubles: [] };
const SECRET = "correct horse battery";

describe("the search of what a run of the tests wrote", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-output-"));
    vi.stubEnv(KEPT_OUTPUT, folder);
    keepSecret("the password", SECRET);
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("sees what each process wrote, on both its streams, and says where", async () => {
    const script = `console.log("fine"); console.error("fine"); console.error("is " + process.env.WORD)`;
    const env = { ...process.env, WORD: SECRET };
    const child = await OwnedProcess.start({ command: process.execPath, args: ["-e", script], env });
    await child.ended;
    const { findings, files } = await searchOutput(folder);
    expect(files).toEqual([expect.stringMatching(/^node-\d+\.log$/)]);
    expect(findings).toEqual([{ file: files[0], line: expect.any(Number), what: "the password" }]);
    expect(JSON.stringify(findings)).not.toContain(SECRET);
  });

  it("finds it on its line, also where two parts of a long output meet", async () => {
    const line = `${"x".repeat(1_023)}\n`;
    const many = 8 * 1024 - 1;
    await appendFile(join(folder, "long.log"), line.repeat(many));
    await appendFile(join(folder, "long.log"), `${"y".repeat(1_015)}${SECRET}\n${line.repeat(100)}`);
    const { findings } = await searchOutput(folder);
    expect(findings).toEqual([{ file: "long.log", line: many + 1, what: "the password" }]);
  });

  it("makes a run fail, however well its tests went", async () => {
    keepOutput("operator", `{"msg":"${SECRET}"}\n`);
    const counts = await withSearch(COUNTS, folder, false);
    expect(counts).toMatchObject({ passed: 3, failed: 1 });
    expect(counts.troubles).toEqual([
      "a secret was written where people read: the password, in the output of operator.log, line 1",
    ]);
  });

  it("counts as a test of a whole run, which must have had something to look at", async () => {
    for (const who of ["callee-serve.ts", "vitest", "objects-1"]) keepOutput(who, "fine\n");
    const blind = await withSearch(COUNTS, folder, true);
    expect(blind).toMatchObject({ passed: 3, failed: 1 });
    expect(blind.troubles).toEqual([expect.stringContaining("output of an operator")]);
    keepOutput("operator-main.ts-77", "fine\n");
    expect(await withSearch(COUNTS, folder, true)).toMatchObject({ passed: 4, failed: 0 });
    expect(await withSearch(COUNTS, folder, false)).toMatchObject({ passed: 3, failed: 0 });
  });
});
