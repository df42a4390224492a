import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { countTests, countsLine, withFailedSteps } from "./counts.ts";
import { runVitest } from "./run-tests.ts";

const ROOT = resolve(import.meta.dirname, "../..");

describe("the counts of a run of the real runner", () => {
  let project: string;
  let notes: readonly string[];

  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), "certferry-counts-"));
    await symlink(join(ROOT, "node_modules"), join(project, "node_modules"));
    await writeFile(join(project, "package.json"), '{"type": "module"}');
    await writeFile(
      join(project, "vitest.config.ts"),
      'export default { test: { include: ["*.case.ts"], pool: "forks", maxWorkers: 1 } };',
    );
  });

  afterEach(async () => {
    await rm(project, { recursive: true, force: true });
  });

  async function lineFor(cases: Record<string, string>): Promise<string> {
    for (const [name, text] of Object.entries(cases)) {
      await writeFile(
        join(project, `${name}.case.ts`),
        `import { expect, it } from "vitest";\nvoid [expect, it];\n${text}`,
      );
    }
    const counts = await runVitest({ root: project, quiet: true });
    ({ notes } = counts);
    return countsLine(counts);
  }

  it("are those of the tests", async () => {
    const line = await lineFor({
      a: 'it("x", () => {}); it("y", () => expect(1).toBe(2));',
      b: 'it("z", () => {}); it.skip("later", () => {});',
    });
    expect(line).toBe("2 passed, 1 failed");
    expect(notes).toEqual([expect.stringMatching(/^skipped: .*b\.case\.ts: later$/)]);
  });

  it("count a file that cannot be loaded as failed", async () => {
    const line = await lineFor({ a: 'it("x", () => {});', b: 'throw new Error("at import");' });
    expect(line).toBe("1 passed, 1 failed");
  });

  it("count a rejection that nobody handles as failed although every test passed", async () => {
    const line = await lineFor({
      a: 'it("x", async () => { void Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 50)); });',
    });
    expect(line).toBe("1 passed, 1 failed");
  });

  it("count a worker that dies as failed", async () => {
    const line = await lineFor({
      a: 'it("x", () => {});',
      b: 'it("y", () => { process.kill(process.pid, "SIGKILL"); });',
    });
    expect(line).toMatch(/^1 passed, [1-9]\d* failed/);
  });

  it("count a run without any test as failed", async () => {
    expect(await lineFor({})).toMatch(/^0 passed, [1-9]\d* failed$/);
  });

  it("count a run whose tests were all skipped as failed", async () => {
    expect(await lineFor({ a: 'it.skip("x", () => {});' })).toBe("0 passed, 1 failed");
  });
});

describe("countTests", () => {
  it("takes no report for a failure", () => {
    expect(countTests(undefined, 139)).toMatchObject({ passed: 0, failed: 1 });
  });

  it("takes half a report for a failure", () => {
    expect(countTests('{"numPassedTests": 12, "numFail', 0)).toMatchObject({ passed: 0, failed: 1 });
  });

  it("does not believe a report without failures when the runner did not end well", () => {
    const report = JSON.stringify({
      numPassedTests: 12,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      testResults: [],
    });
    expect(countTests(report, 1)).toMatchObject({ passed: 12, failed: 1 });
    expect(countTests(report, 0)).toMatchObject({ passed: 12, failed: 0 });
  });
});

describe("withFailedSteps", () => {
  const tests = { passed: 12, failed: 0, skipped: 1, notes: [], troubles: [] };

  it("counts each failed step as one failure", () => {
    const counts = withFailedSteps(tests, ["check failed: lint", "check failed: types"]);
    expect(countsLine(counts)).toBe("12 passed, 2 failed");
  });

  it("does not let a run in which nothing happened pass", () => {
    expect(countsLine(withFailedSteps(tests, []))).toBe("12 passed, 0 failed");
    expect(countsLine(withFailedSteps({ ...tests, passed: 0, skipped: 0 }, []))).toBe("0 passed, 1 failed");
  });
});
