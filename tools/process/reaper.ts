import { spawn } from "node:child_process";
import type { Socket } from "node:net";

/**
 * What this process started or laid on disk, told to a small shell that outlives it. When this process
 * ends, however it ends (SIGKILL too), the shell's standard input closes; it then kills the processes that
 * are still there and removes the folders. SIGKILL also ends a process that is stopped by SIGSTOP.
 */
const SCRIPT = `
pids=' '
while IFS=' ' read -r verb value; do
  case "$verb" in
    process) pids="$pids$value " ;;
    ended) pids="\${pids%%" $value "*} \${pids#*" $value "}" ;;
    folder) set -- "$@" "$value" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" "$pid" 2>/dev/null; done
[ $# -eq 0 ] || rm -rf -- "$@"
`;

let channel: Socket | undefined;

function tell(verb: "process" | "ended" | "folder", value: string): void {
  channel ??= startReaper();
  channel.write(`${verb} ${value}\n`);
}

function startReaper(): Socket {
  // A session of its own: Ctrl-C in the terminal, or a signal to our process group, must not end it.
  const reaper = spawn("/bin/sh", ["-c", SCRIPT, "reaper"], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  const input = reaper.stdin as Socket;
  reaper.on("error", () => (channel = undefined));
  reaper.on("exit", () => (channel = undefined));
  input.on("error", () => (channel = undefined));
  reaper.unref();
  input.unref();
  return input;
}

/** Has the process with this pid, and its process group if it leads one, killed when the current process ends without having stopped it. */
export function reapProcess(pid: number): void {
  tell("process", String(pid));
}

/** Takes back reapProcess: to be called as soon as the process has ended, before its pid is used again. */
export function processEnded(pid: number): void {
  tell("ended", String(pid));
}

/** Has a folder removed, with all in it, when the current process ends. Removing it earlier does no harm. */
export function reapFolder(path: string): void {
  if (path.includes("\n") || !path.startsWith("/")) {
    throw new Error(
      `a folder to be removed must be an absolute path of one line, not ${JSON.stringify(path)}`,
    );
  }
  tell("folder", path);
}
