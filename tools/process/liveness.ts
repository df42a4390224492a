import { readFileSync, readdirSync } from "node:fs";

/** Whether a process with this pid exists (it may belong to someone else, or be stopped). */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * Waits, blocking, until every thread of a process is stopped (or has ended): SIGSTOP takes effect thread by thread, and on a busy
 * machine a server may still answer meanwhile. Where the system does not tell (no /proc), it does not wait.
 * @param deadline milliseconds after which it gives up waiting
 */
export function waitUntilStopped(pid: number, deadline = 2000): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + deadline;
  while (performance.now() < end && threadStates(pid).some((state) => !"TtZX".includes(state))) {
    Atomics.wait(nothing, 0, 0, 2);
  }
}

/** One letter a thread, as proc(5) has them; none when there is no telling. */
function threadStates(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/task`;
    return readdirSync(folder).map((thread) => {
      const stat = readFileSync(`${folder}/${thread}/stat`, "utf8");
      // The name before the state is in parentheses and may hold any character.
      return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
    });
  } catch {
    return [];
  }
}
