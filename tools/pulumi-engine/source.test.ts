import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { fits } from "../go-build/find-program.ts";
import { findPulumiEngine } from "./source.ts";

describe("finding a Pulumi engine", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-pulumi-"));
  });

  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  /** A program that says that it is of that version. */
  async function pulumi(version: string): Promise<string> {
    const path = join(folder, "pulumi");
    await writeFile(path, `#!/bin/sh\necho v${version}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it("takes the one that is named, whatever its version", async () => {
    const path = await pulumi("3.1.0");
    const found = await findPulumiEngine({ env: { CERTFERRY_PULUMI: path, PATH: "/usr/bin:/bin" } });
    expect(found).toEqual({ path, version: "3.1.0", origin: "environment" });
  });

  it("names the variable that leads nowhere", async () => {
    await expect(findPulumiEngine({ env: { CERTFERRY_PULUMI: "/nowhere/pulumi" } })).rejects.toThrow(
      /^CERTFERRY_PULUMI leads to \/nowhere\/pulumi/,
    );
  });

  it("takes the PATH's when it is new enough, and says what to install when it is not and there is no Go", async () => {
    await pulumi("3.999.0");
    const env = { PATH: `${folder}:/bin`, XDG_CACHE_HOME: folder };
    expect(await findPulumiEngine({ env })).toEqual({
      path: join(folder, "pulumi"),
      version: "3.999.0",
      origin: "path",
    });
    await pulumi("3.100.0");
    await expect(findPulumiEngine({ env })).rejects.toThrow(/Install Go, or Pulumi/);
  });

  it.each([
    ["3.259.0", true],
    ["3.260.1", true],
    ["3.258.9", false],
    ["4.0.0", false],
    ["2.300.0", false],
  ])("%s does for 3.259.0: %s", (version, does) => {
    expect(fits(version, "3.259.0")).toBe(does);
  });
});
