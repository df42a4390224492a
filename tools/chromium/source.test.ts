import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findChromium } from "./source.ts";

describe("finding a Chromium", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-chromium-"));
  });

  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  async function program(name: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, "#!/bin/sh\n");
    await chmod(path, 0o755);
    return path;
  }

  it("takes the one that the variable names, before that of the PATH", async () => {
    await program("chromium");
    const named = await program("mine");
    expect(await findChromium({ env: { CERTFERRY_CHROMIUM: named, PATH: folder } })).toBe(named);
  });

  it("says so when the variable names none", async () => {
    await program("chromium");
    await expect(findChromium({ env: { CERTFERRY_CHROMIUM: "/nowhere/x", PATH: folder } })).rejects.toThrow(
      "CERTFERRY_CHROMIUM leads to /nowhere/x",
    );
  });

  it("takes that of the PATH, by any of its names", async () => {
    const path = await program("google-chrome");
    expect(await findChromium({ env: { PATH: `/nowhere:${folder}` } })).toBe(path);
  });
});
