import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, vi } from "vitest";

import { processIsAlive } from "./liveness.ts";
import { OwnedProcess } from "./owned-process.ts";

async function shell(script: string, keptLines?: number): Promise<OwnedProcess> {
  return await OwnedProcess.start({
    command: "/bin/sh",
    args: ["-c", script],
    ...(keptLines === undefined ? {} : { keptLines }),
  });
}

it("keeps the last lines only", async () => {
  const child = await shell("for i in 1 2 3 4 5; do echo $i; done", 2);
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.tail("stdout")).toEqual(["4", "5"]);
});

it("waits for a line, also one that came before", async () => {
  const child = await shell("echo ready 7; sleep 60");
  const port = async (): Promise<string> =>
    await child.line((line) => /^ready (\d+)$/.exec(line)?.[1], "not ready", 10_000);
  expect(await port()).toBe("7");
  expect(await port()).toBe("7");
  await child.kill();
});

it("says what a process wrote last when it ends before the line", async () => {
  const child = await shell("echo no luck >&2; exit 3");
  await expect(child.line(() => undefined, "not ready", 10_000)).rejects.toThrow(
    /not ready: the process ended first \(exit code 3\).*no luck/s,
  );
});

it("gives up at the deadline", async () => {
  const child = await shell("sleep 60");
  await expect(child.line(() => undefined, "not ready", 50)).rejects.toThrow("not ready: not within 0.05 s");
  await child.kill();
});

it("stops a process that does not want to, and one that is stopped by SIGSTOP", async () => {
  const deaf = await shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
  await deaf.line((line) => (line === "up" ? true : undefined), "not up", 10_000);
  expect(await deaf.stop(100)).toEqual({ code: null, signal: "SIGKILL" });

  const paused = await shell("sleep 60");
  paused.signal("SIGSTOP");
  expect(await paused.stop(10_000)).toEqual({ code: null, signal: "SIGTERM" });
});

it("fails to start what is not there", async () => {
  await expect(OwnedProcess.start({ command: "/nonexistent/program" })).rejects.toThrow(
    "/nonexistent/program could not be started",
  );
});

it("leaves no process and no folder when their owner is killed, even a process that is stopped", async () => {
  const folder = await mkdtemp(join(tmpdir(), "certferry-reaper- with a space "));
  const owned = `${import.meta.dirname}/owned-process.ts`;
  const reaper = `${import.meta.dirname}/reaper.ts`;
  const owner = await OwnedProcess.start({
    command: process.execPath,
    args: [
      "--input-type=module-typescript",
      "-e",
      `import { OwnedProcess } from ${JSON.stringify(owned)};
       import { reapFolder } from ${JSON.stringify(reaper)};
       reapFolder(${JSON.stringify(folder)});
       const ended = await OwnedProcess.start({ command: "/bin/sleep", args: ["0"] });
       await ended.ended;
       const left = await OwnedProcess.start({ command: "/bin/sleep", args: ["60"] });
       left.signal("SIGSTOP");
       console.log("left", left.pid);`,
    ],
  });
  const pid = await owner.line((line) => /^left (\d+)$/.exec(line)?.[1], "no process", 20_000);
  expect(processIsAlive(Number(pid))).toBe(true);
  await owner.kill();
  await vi.waitFor(
    async () => {
      expect(processIsAlive(Number(pid))).toBe(false);
      await expect(access(folder)).rejects.toThrow();
    },
    { timeout: 10_000 },
  );
  await rm(folder, { recursive: true, force: true });
});
