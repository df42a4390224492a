import { open } from "node:fs/promises";
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { certferry } from "./testing/command-line.ts";

const IN_TERMINAL = join(import.meta.dirname, "testing/in_terminal.py");
const LIVE = JSON.stringify(join(import.meta.dirname, "output/live.ts"));
const IO = JSON.stringify(join(import.meta.dirname, "io.ts"));

describe("the output", () => {
  it("that a slow reader holds up is written whole, with nothing said of it", async () => {
    const script = `const { outputOn } = await import(${IO});
      const output = outputOn(process.stdout, () => {});
      for (let n = 0; n < 40; n += 1) await output.write("x".repeat(200_000));`;
    const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve, reject) => {
      execFile(
        process.execPath,
        ["--input-type=module", "--eval", script],
        { maxBuffer: 16_000_000 },
        (error, stdout, stderr) => (error === null ? resolve({ stdout, stderr }) : reject(error)),
      );
    });
    expect(stdout.length).toBe(8_000_000);
    expect(stderr).toBe("");
  });

  it("that a full disk does not take is an error, and says so", async () => {
    await using full = await open("/dev/full", "w");
    const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "completion", "bash"], {
      stdio: ["ignore", full.fd, "pipe"],
    });
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(stderr).toMatch(/^error: the output cannot be written: ENOSPC/);
    expect(code).toBe(1);
  });

  it("that was drawn on has its cursor back, also when the process ends at once", async () => {
    const script = `const { outputOn } = await import(${IO});
      const { LiveRegion } = await import(${LIVE});
      const region = new LiveRegion(outputOn(process.stdout, () => {}));
      await region.show(() => ["half done"]);
      process.exit(130);`;
    const eval_ = [process.execPath, "--input-type=module", "--eval", script];
    const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
      execFile("python3", [IN_TERMINAL, "80", "24", ...eval_], (_error, stdout) => resolve({ stdout }));
    });
    expect(stdout).toMatch(/\?25l.*half done/s);
    expect(stdout.endsWith("\u001B[?25h")).toBe(true);
  });

  it("that nobody reads any more ends the command quietly", async () => {
    const { code, stderr } = await certferry(["--help"], { closeAfter: 1 });
    expect([0, 141]).toContain(code);
    expect(stderr).toBe("");
  });
});
