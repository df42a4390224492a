import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SCRIPT = join(import.meta.dirname, "pulumi.ts");

describe("npm run pulumi", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-pulumi-"));
  });

  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  async function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const env = { ...process.env, PATH: [folder, dirname(process.execPath)].join(delimiter) };
    return await new Promise((done) => {
      execFile(process.execPath, [SCRIPT, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) =>
        done({ code: error === null ? 0 : error.code, stdout, stderr }),
      );
    });
  }

  it("hands its arguments to Pulumi, on our Node, and ends with its exit code", async () => {
    const script = '#!/bin/sh\necho "$# $2 $(node --version)"\nexit 3\n';
    await writeFile(join(folder, "pulumi"), script, { mode: 0o755 });
    expect(await run("config", "two words")).toMatchObject({
      code: 3,
      stdout: `2 two words ${process.version}\n`,
    });
  });

  it("says where Pulumi is to be had when it is not there", async () => {
    const { code, stderr } = await run("up");
    expect(code).toBe(1);
    expect(stderr).toContain("Pulumi is not installed");
  });
});
