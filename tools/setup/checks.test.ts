import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { checks } from "./checks.ts";
import { runChecks } from "./run-checks.ts";

describe("the checks of the Go sources, where the control plane was never built", () => {
  let empty: string;

  beforeEach(async () => {
    empty = await mkdtemp(join(tmpdir(), "certferry-checks-"));
  });

  afterEach(async () => await rm(empty, { recursive: true, force: true }));

  /** The names of those that failed, and what was told. */
  async function goChecks(ci: boolean, named: NodeJS.ProcessEnv) {
    const said: string[] = [];
    const env = { PATH: empty, XDG_CACHE_HOME: empty, ...named };
    const only = checks({ fix: false, env }).filter(({ name }) => name.startsWith("Go:"));
    const failed = await runChecks({ ci, only, log: (line) => said.push(line) });
    return { failed, said: said.join("\n") };
  }

  it("count as failed in CI, and as skipped elsewhere", async () => {
    expect((await goChecks(true, {})).failed).toEqual(["Go: gofmt", "Go: vet"]);
    expect((await goChecks(false, {})).failed).toEqual([]);
  });

  it.each(["KUBEBUILDER_ASSETS", "CERTFERRY_CONTROL_PLANE"])(
    "are skipped in CI too where %s names another control plane",
    async (variable) => {
      const { failed, said } = await goChecks(true, { [variable]: "/somewhere" });
      expect(failed).toEqual([]);
      expect(said).toContain("skipped Go: vet: Go is not installed");
      expect(said).toContain(variable);
    },
  );

  it("want a build where Go is there, unless another is named", async () => {
    for (const name of ["go", "gofmt"]) await writeFile(join(empty, name), "#!/bin/sh\n", { mode: 0o755 });
    expect((await goChecks(true, {})).failed).toEqual(["Go: vet"]);
    const excused = await goChecks(true, { KUBEBUILDER_ASSETS: "/somewhere" });
    expect(excused.failed).toEqual([]);
    expect(excused.said).toContain("not built");
  });
});
