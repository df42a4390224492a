import { rm } from "node:fs/promises";

import { OwnedProcess } from "../process/owned-process.ts";
import type { Launch, RunningControlPlane } from "./launcher.ts";

const READY = /^control-plane ready: (https:\/\/\S+)$/;
const COMPACTED = /^control-plane compacted: \d+$/;
const COMPACTION_FAILED = /compaction failed: (.*)$/;
const STOP_GRACE_MS = 15_000;
const COMPACTION_DEADLINE_MS = 20_000;

/**
 * Starts Certferry's control plane program (main.go beside this file) and waits for its ready line.
 * @throws Error when it ends or the deadline passes first, with the last lines it wrote
 */
export async function startProgram(path: string, launch: Launch): Promise<RunningControlPlane> {
  // The program writes the file when it is ready; one of an earlier start would say so too soon.
  await rm(launch.kubeconfig, { force: true });
  const timeout = `${Math.ceil(launch.startTimeoutMs / 1000)}s`;
  const flags = ["--data-dir", launch.dataDir, "--kubeconfig", launch.kubeconfig, "--start-timeout", timeout];
  const child = await OwnedProcess.start({ command: path, args: [...flags, "--", ...launch.extraArgs] });
  let url: string;
  try {
    url = await child.line(
      (line) => READY.exec(line)?.[1],
      "the control plane did not become ready",
      launch.startTimeoutMs,
      launch.signal,
    );
  } catch (error) {
    await child.kill();
    throw error;
  }
  return {
    url,
    pid: child.pid,
    async stop() {
      await child.stop(STOP_GRACE_MS);
    },
    async kill() {
      await child.kill();
    },
    pause: () => child.pause(),
    resume: () => child.resume(),
    async compact() {
      const answer = child.nextLine(
        (line) => (COMPACTED.test(line) ? "done" : COMPACTION_FAILED.exec(line)?.[1]),
        "etcd was not compacted",
        COMPACTION_DEADLINE_MS,
      );
      child.signal("SIGUSR1");
      const result = await answer;
      if (result !== "done") throw new Error(`etcd was not compacted: ${result}`);
    },
  };
}
