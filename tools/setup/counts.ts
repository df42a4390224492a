import { relative, resolve } from "node:path";
import { z } from "zod";

const ROOT = resolve(import.meta.dirname, "../..");
const SLOW_S = 10;
const SLOW_SHOWN = 25;

/** What is read of vitest's JSON report. */
const Report = z.object({
  numPassedTests: z.int().nonnegative(),
  numFailedTests: z.int().nonnegative(),
  numPendingTests: z.int().nonnegative(),
  numTodoTests: z.int().nonnegative(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      startTime: z.number().optional(),
      endTime: z.number().optional(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string().optional() })),
    }),
  ),
});

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What people want to know besides, a sentence each: what was skipped, which files took the longest. */
  readonly notes: readonly string[];
  /** What failed besides tests: a file that could not be loaded, a runner that crashed. One sentence each. */
  readonly troubles: readonly string[];
}

/**
 * The counts of one run of the tests, which never look better than the run was.
 * @param report text of vitest's JSON report; undefined when it wrote none
 * @param exitCode of the runner
 */
export function countTests(report: string | undefined, exitCode: number): Counts {
  const parsed = report === undefined ? undefined : Report.safeParse(parseJson(report));
  if (parsed?.success !== true) {
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      notes: [],
      troubles: [`the test runner left no report (exit code ${exitCode})`],
    };
  }
  const { data } = parsed;
  const troubles: string[] = [];
  for (const file of data.testResults) {
    const hasFailedTest = file.assertionResults.some((test) => test.status === "failed");
    if (file.status === "failed" && !hasFailedTest) troubles.push(`${file.name} failed outside its tests`);
  }
  const executed = data.numPassedTests + data.numFailedTests;
  if (executed === 0) troubles.push("no test was executed");
  if (exitCode !== 0 && data.numFailedTests === 0 && troubles.length === 0) {
    troubles.push(`the test runner ended with exit code ${exitCode} although no test failed`);
  }
  return {
    passed: data.numPassedTests,
    failed: data.numFailedTests + troubles.length,
    skipped: data.numPendingTests + data.numTodoTests,
    notes: notesOn(data),
    troubles,
  };
}

/** The counts of a whole run: each step that failed besides the tests counts as one failure. */
export function withFailedSteps(tests: Counts, steps: readonly string[]): Counts {
  const nothing = tests.passed + tests.failed + steps.length === 0 ? ["no test was executed"] : [];
  const troubles = [...steps, ...tests.troubles, ...nothing];
  return { ...tests, failed: tests.failed + steps.length + nothing.length, troubles };
}

/** As `12 passed, 0 failed`. */
export function countsLine({ passed, failed }: Pick<Counts, "passed" | "failed">): string {
  return `${passed} passed, ${failed} failed`;
}

/** Tests that were skipped, and the files that took the longest: a suite that grows slow should say where. */
function notesOn({ testResults }: z.infer<typeof Report>): string[] {
  const skipped = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== "passed" && status !== "failed")
      .map(({ fullName = "" }) => `skipped: ${relative(ROOT, name)}: ${fullName}`),
  );
  const slow = testResults
    .map(({ name, startTime = 0, endTime = 0 }) => ({ name, seconds: (endTime - startTime) / 1_000 }))
    .filter(({ seconds }) => seconds >= SLOW_S)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SLOW_SHOWN)
    .map(({ name, seconds }) => `slow: ${relative(ROOT, name)}: ${seconds.toFixed(0)} s`);
  return [...slow, ...skipped];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
