import { appendFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { findControlPlane } from "../control-plane/launcher.ts";
import { runInForeground } from "../process/foreground.ts";
import { KEPT_OUTPUT } from "../process/kept-output.ts";
import { needsCloudParts, prepareCloudParts } from "./cloud-parts.ts";
import { needsConsoleParts, prepareConsoleParts } from "./console-parts.ts";
import { countTests } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { withSearch } from "./output-search.ts";
import { needsFaultParts, prepareFaultParts } from "./fault-parts.ts";
import { needsInstallParts, prepareInstallParts } from "./install-parts.ts";
import { needsObservabilityParts, prepareObservabilityParts } from "./observability-parts.ts";

const ROOT = resolve(import.meta.dirname, "../..");

export interface TestRun {
  /** Vitest's arguments: file name filters, `-t NAME` and so on. */
  readonly args?: readonly string[];
  /** The project that is tested; this one unless told. */
  readonly root?: string;
  readonly log: (message: string) => void;
  /** Keeps the runner's own output from being shown. */
  readonly quiet?: boolean;
  /** Has all that is written meanwhile searched for secrets. */
  readonly search?: boolean;
}

/**
 * Makes sure of a control plane and of the parts of the product clouds and the fault tests (they may be built now, which
 * takes minutes) and runs vitest once.
 * @throws Error when there is no control plane to be had
 */
export async function runTests(run: TestRun): Promise<Counts> {
  await findControlPlane({ log: run.log });
  if (needsCloudParts(run.args ?? [])) await prepareCloudParts(run.log);
  if (needsFaultParts(run.args ?? [])) await prepareFaultParts(run.log);
  if (needsInstallParts(run.args ?? [])) await prepareInstallParts(run.log);
  if (needsObservabilityParts(run.args ?? [])) await prepareObservabilityParts(run.log);
  if (needsConsoleParts(run.args ?? [])) await prepareConsoleParts(run.log);
  return await runVitest({ ...run, search: true });
}

/** Runs vitest once, in the foreground, and counts what its report says. */
export async function runVitest(run: Omit<TestRun, "log">): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-tests-"));
  try {
    const report = join(folder, "report.json");
    const output = join(folder, "output");
    await mkdir(output);
    const shown = join(output, "vitest.log");
    const exitCode = await runInForeground({
      command: process.execPath,
      args: [
        join(ROOT, "node_modules", "vitest", "vitest.mjs"),
        "run",
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
        ...(run.args ?? []),
      ],
      cwd: run.root ?? ROOT,
      ...(run.quiet === true ? { onOutput: () => {} } : {}),
      ...(run.search === true
        ? {
            env: { ...process.env, [KEPT_OUTPUT]: output },
            onShown: (chunk: Buffer) => appendFileSync(shown, chunk),
          }
        : {}),
    });
    const text = await readFile(report, "utf8").catch(() => undefined);
    const counts = countTests(text, exitCode);
    return run.search === true ? await withSearch(counts, output, (run.args ?? []).length === 0) : counts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
