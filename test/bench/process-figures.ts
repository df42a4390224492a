import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

let ticks: number | undefined;

/** Seconds of processor time, user and system, that a process has used (proc_pid_stat(5), fields 14 and 15). */
export async function cpuSeconds(pid: number): Promise<number> {
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field, a name in brackets, may hold blanks and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** The most memory that a process has had at once, in MiB (VmHWM of proc_pid_status(5)). */
export async function peakMemoryMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status tells no VmHWM`);
  return Number(kib) / 1024;
}
