import { readdir, readFile, readlink } from "node:fs/promises";

/** What a process has open, by kind. */
export interface Descriptors {
  /** TCP sockets that are listened on. */
  readonly listeners: number;
  /** TCP connections, by the port at the other end; those that only the other end has closed count too. */
  readonly connections: ReadonlyMap<number, number>;
  /** Regular files. */
  readonly files: number;
  /** Pipes, timers, and what else the runtime keeps. */
  readonly others: number;
}

const LISTEN = "0A";

/** Reads /proc; undefined where there is none. */
export async function descriptorsOf(pid: number): Promise<Descriptors | undefined> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return undefined;
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => "")));
  const sockets = await socketsOf(pid);
  const connections = new Map<number, number>();
  let [listeners, files, others] = [0, 0, 0];
  for (const link of links.filter(Boolean)) {
    const inode = /^socket:\[(\d+)\]$/u.exec(link)?.[1];
    const socket = inode === undefined ? undefined : sockets.get(inode);
    if (socket?.state === LISTEN) listeners += 1;
    else if (socket !== undefined) connections.set(socket.port, (connections.get(socket.port) ?? 0) + 1);
    else if (link.startsWith("/") && !link.startsWith("/dev/")) files += 1;
    else others += 1;
  }
  return { listeners, connections, files, others };
}

async function socketsOf(pid: number): Promise<Map<string, { state: string; port: number }>> {
  const found = new Map<string, { state: string; port: number }>();
  for (const table of ["tcp", "tcp6"]) {
    const text = await readFile(`/proc/${pid}/net/${table}`, "utf8").catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      // sl local_address rem_address st … inode (the tenth), as proc(5) has them.
      const fields = line.trim().split(/\s+/u);
      const [, , remote = "", state = ""] = fields;
      const inode = fields[9];
      if (inode !== undefined)
        found.set(inode, { state, port: Number.parseInt(remote.split(":")[1] ?? "0", 16) });
    }
  }
  return found;
}
