import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

const run = promisify(execFile);

describe("bootstrap.mjs in a project of its own", () => {
  let project: string;

  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), "certferry-bootstrap-"));
    await mkdir(join(project, "tools", "setup"), { recursive: true });
    await cp(join(import.meta.dirname, "bootstrap.mjs"), join(project, "tools", "setup", "bootstrap.mjs"));
    await writeFile(
      join(project, "show.ts"),
      "const words: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify({ words, main: import.meta.main }));\n" +
        'if (words[0] === "fail") process.exit(7);\n',
    );
    await dependOn("1.0.0");
  });

  afterEach(async () => {
    await rm(project, { recursive: true, force: true });
  });

  /** Gives the project one dependency, packed from a local folder, so that nothing is asked of a registry. */
  async function dependOn(version: string): Promise<void> {
    const source = join(project, `cargo-${version}`);
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "package.json"), JSON.stringify({ name: "cargo", version }));
    const { stdout } = await npm(source, "pack", "--pack-destination", project, "--silent");
    const manifest = { name: "p", type: "module", dependencies: { cargo: `file:${stdout.trim()}` } };
    await writeFile(join(project, "package.json"), JSON.stringify(manifest));
    await npm(project, "install", "--package-lock-only", "--no-audit", "--no-fund");
  }

  async function npm(cwd: string, ...args: string[]): Promise<{ stdout: string }> {
    return await run("npm", args, { cwd, timeout: 50_000 });
  }

  async function bootstrap(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
    const file = join(project, "tools", "setup", "bootstrap.mjs");
    try {
      const { stdout, stderr } = await run(process.execPath, [file, ...args], {
        cwd: tmpdir(),
        timeout: 50_000,
      });
      return { stdout, stderr, code: 0 };
    } catch (error) {
      return error as { stdout: string; stderr: string; code: number };
    }
  }

  async function installedVersion(): Promise<string> {
    const text = await readFile(join(project, "node_modules", "cargo", "package.json"), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  }

  it("installs once, again when the lock file has changed, and not otherwise", async () => {
    const first = await bootstrap("show.ts", "a", "b c");
    expect(first.stderr).toContain("npm ci");
    expect(JSON.parse(first.stdout)).toEqual({ words: ["a", "b c"], main: true });
    expect(await installedVersion()).toBe("1.0.0");

    const second = await bootstrap("show.ts");
    expect(second).toMatchObject({ stderr: "", code: 0 });

    await dependOn("1.1.0");
    const third = await bootstrap("show.ts");
    expect(third.stderr).toContain("differ from package-lock.json");
    expect(await installedVersion()).toBe("1.1.0");
  });

  it("installs again after an installation that was broken off", async () => {
    await bootstrap();
    await rm(join(project, "node_modules", ".package-lock.json"));
    expect((await bootstrap()).stderr).toContain("npm ci");
  });

  it("installs once when two start at the same time", async () => {
    const both = await Promise.all([bootstrap("show.ts"), bootstrap("show.ts")]);
    expect(both.map((one) => one.code)).toEqual([0, 0]);
    expect(both.filter((one) => one.stderr.includes("dependencies installed"))).toHaveLength(1);
  });

  it("is not held up by the lock of a process that is gone", async () => {
    await mkdir(join(project, ".certferry"));
    await writeFile(join(project, ".certferry", "install.lock"), "4194999");
    expect((await bootstrap("show.ts")).code).toBe(0);
  });

  it.each([
    ["of a run that was killed, when its process id is its own now", { own: true, ageMs: 0 }],
    ["that its owner has not touched for long", { own: false, ageMs: 10 * 60_000 }],
  ])("is not held up by the lock %s", async (_what, { own, ageMs }) => {
    const file = join(project, ".certferry", "install.lock");
    await mkdir(join(project, ".certferry"));
    // `exec` keeps the process id, as a container gives the same one to each run.
    const lock = `printf %s ${own ? "$$" : process.pid} > '${file}'; touch -d @${(Date.now() - ageMs) / 1000} '${file}'`;
    const script = `${lock}; exec '${process.execPath}' tools/setup/bootstrap.mjs show.ts`;
    const { stderr } = await run("sh", ["-c", script], { cwd: project, timeout: 20_000 });
    expect(stderr).toContain("dependencies installed");
  });

  it("waits for a lock that is held, and leaves it to its owner", async () => {
    const file = join(project, ".certferry", "install.lock");
    await mkdir(join(project, ".certferry"));
    await writeFile(file, String(process.pid));
    const started = bootstrap("show.ts");
    const early = await Promise.race([started, new Promise((done) => setTimeout(done, 1_500, "waiting"))]);
    expect(early).toBe("waiting");
    expect(await readFile(file, "utf8")).toBe(String(process.pid));
    await rm(file);
    expect((await started).stderr).toContain(`process ${process.pid} is installing already`);
  });

  it("ends with the script's exit code", async () => {
    expect((await bootstrap("show.ts", "fail")).code).toBe(7);
  });

  it("says that npm failed, and runs nothing then", async () => {
    await writeFile(join(project, "package-lock.json"), '{"lockfileVersion": 3, "packages": {"": {}}}');
    const result = await bootstrap("show.ts");
    expect(result.code).toBe(1);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain("npm ci failed");
  });
});
