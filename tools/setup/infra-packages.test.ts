import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { needsCloudParts } from "./cloud-parts.ts";
import { installInfra } from "./infra-packages.ts";

const run = promisify(execFile);

describe("installing infra's packages", () => {
  let root: string;
  let said: string[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "certferry-infra-"));
    said = [];
    await dependOn("1.0.0");
  });

  afterEach(async () => await rm(root, { recursive: true, force: true }));

  /** One dependency, packed from a local folder, so that nothing is asked of a registry. */
  async function dependOn(version: string): Promise<void> {
    const source = join(root, `cargo-${version}`);
    const infra = join(root, "infra");
    await mkdir(source, { recursive: true });
    await mkdir(infra, { recursive: true });
    await writeFile(join(source, "package.json"), JSON.stringify({ name: "cargo", version }));
    const pack = ["pack", "--pack-destination", infra, "--silent"];
    const { stdout } = await run("npm", pack, { cwd: source, timeout: 50_000 });
    const manifest = { name: "p", dependencies: { cargo: `file:${stdout.trim()}` } };
    await writeFile(join(infra, "package.json"), JSON.stringify(manifest));
    await run("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], {
      cwd: infra,
      timeout: 50_000,
    });
  }

  async function install(): Promise<void> {
    said = [];
    await installInfra((message) => said.push(message), root);
  }

  async function installedVersion(): Promise<unknown> {
    const text = await readFile(join(root, "infra", "node_modules", "cargo", "package.json"), "utf8");
    return (JSON.parse(text) as { version: unknown }).version;
  }

  it("is done once, and again when the lock file has changed", async () => {
    await install();
    expect(await installedVersion()).toBe("1.0.0");
    await install();
    expect(said).toEqual([]);
    await dependOn("1.1.0");
    await install();
    expect(await installedVersion()).toBe("1.1.0");
  });

  it("is done again after one that was broken off, and not after somebody's own", async () => {
    await install();
    const modules = join(root, "infra", "node_modules");
    await rm(join(modules, ".certferry-installed"));
    await install();
    expect(said).toEqual([]);
    await rm(join(modules, ".package-lock.json"));
    await install();
    expect(said).not.toEqual([]);
  });

  it("says what npm said when it fails", async () => {
    await writeFile(join(root, "infra", "package-lock.json"), '{"lockfileVersion": 3, "packages": {"": {}}}');
    await expect(install()).rejects.toThrow(/packages of infra\/ could not be installed .*npm wrote/s);
  });
});

describe("the parts of the product clouds", () => {
  it.each([
    [[], true],
    [["-t", "a name"], true],
    [["operator/runtime"], false],
    [["test/e2e"], true],
    [["infra/aws"], true],
    [["--bail=1"], true],
  ])("are needed for `npm test -- %j`: %s", (args, needed) => {
    expect(needsCloudParts(args)).toBe(needed);
  });
});
