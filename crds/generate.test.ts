import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { YAML_FOLDER, generatedFiles, main, staleFiles } from "./generate.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-crds-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: number; said: string }> {
  const lines: string[] = [];
  const code = await main([...args, "--folder", folder], (line) => lines.push(line));
  return { code, said: lines.join("\n") };
}

describe("the committed definitions", () => {
  it("are what the schemas give", async () => {
    expect(await staleFiles(YAML_FOLDER)).toEqual([]);
  });
});

describe("generate", () => {
  it("writes one file for each kind, the same at every run", async () => {
    expect(await run()).toMatchObject({ code: 0, said: expect.stringContaining("reels.certferry.dev.yaml") });
    const first = await contents();
    expect(Object.keys(first)).toHaveLength(5);
    expect(await run()).toEqual({ code: 0, said: "crds/yaml is up to date" });
    await rm(folder, { recursive: true });
    await run();
    expect(await contents()).toEqual(first);
  });

  it("removes the file of a kind that is gone", async () => {
    await writeFile(join(folder, "spools.certferry.dev.yaml"), "kind: CustomResourceDefinition\n");
    await run();
    expect(Object.keys(await contents())).not.toContain("spools.certferry.dev.yaml");
  });

  it("leaves other files alone", async () => {
    await writeFile(join(folder, "README.md"), "Generated.\n");
    await run();
    expect(await readdir(folder)).toContain("README.md");
  });
});

describe("generate --check", () => {
  beforeEach(async () => {
    await cp(YAML_FOLDER, folder, { recursive: true });
  });

  it("is content with fresh files, and writes nothing", async () => {
    expect(await run("--check")).toEqual({ code: 0, said: "" });
  });

  it("names files that were edited, are missing, or belong to no kind, and what to do", async () => {
    await writeFile(join(folder, "reels.certferry.dev.yaml"), "edited: true\n");
    await writeFile(join(folder, "spools.certferry.dev.yaml"), "kind: CustomResourceDefinition\n");
    await rm(join(folder, "cloudapis.certferry.dev.yaml"));
    const before = await contents();
    const { code, said } = await run("--check");
    expect(code).toBe(1);
    expect(said).toContain(
      "cloudapis.certferry.dev.yaml, reels.certferry.dev.yaml, spools.certferry.dev.yaml; run",
    );
    expect(await contents()).toEqual(before);
  });

  it("says of a folder that is not there that every file is stale", async () => {
    await rm(folder, { recursive: true });
    const { code, said } = await run("--check");
    expect(code).toBe(1);
    for (const name of generatedFiles().keys()) expect(said).toContain(name);
  });
});

async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const entries = names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const);
  return Object.fromEntries(await Promise.all(entries));
}
