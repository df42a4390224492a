import { readdir, readFile, readlink } from "node:fs/promises";
import { CONFIG_MAP, type ConfigMap } from "../../../operator/accounts/core-kinds.ts";
import type { Field } from "../../field/field.ts";

const ASK_MS = 5_000;
const LISTENING = "0A";
const TICKS = 4;
/** etcd commits what was written ten times a second. */
const COMMIT_MS = 200;

/** What etcd holds, in bytes. */
export interface EtcdSize {
  /** Pages in use: what is there, and the history since the last compaction. */
  readonly inUse: number;
  /** The file, which keeps pages that were freed. */
  readonly file: number;
}

/** How large the etcd of a control plane is: from its own metrics, which it serves where its clients connect. */
export class EtcdGauge {
  readonly #field: Field;
  readonly #url: string;

  private constructor(field: Field, url: string) {
    this.#field = field;
    this.#url = url;
  }

  /** @throws as etcdOf */
  static async of(field: Field): Promise<EtcdGauge> {
    return new EtcdGauge(field, `${await etcdOf(field)}/metrics`);
  }

  async size(): Promise<EtcdSize> {
    const text = await metrics(this.#url);
    return {
      inUse: valueOf(text, "etcd_mvcc_db_total_size_in_use_in_bytes"),
      file: valueOf(text, "etcd_mvcc_db_total_size_in_bytes"),
    };
  }

  /** Drops the history, as an API server has it done every five minutes, and tells what is left. */
  async compacted(): Promise<EtcdSize> {
    const { plane, client } = this.#field;
    await plane.compact();
    // Pages that were freed are counted with the next commits to disk, and those need something to write.
    const ticks = client.resource<ConfigMap>(CONFIG_MAP);
    for (let tick = 0; tick < TICKS; tick += 1) {
      const data = { tick: String(Date.now()) };
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bench-tick" }, data };
      const options = { type: "apply", fieldManager: "bench", force: true } as const;
      await ticks.patch({ namespace: "default", name: "bench-tick" }, object, options);
      await new Promise((resolve) => setTimeout(resolve, COMMIT_MS));
    }
    return this.size();
  }
}

/**
 * Where a control plane's etcd serves its clients, with its JSON gateway and its metrics: `http://127.0.0.1:PORT`.
 * @throws Error when none of the ports that the process listens on is etcd's
 */
export async function etcdOf({ plane }: Field): Promise<string> {
  for (const port of await listeningPorts(plane.pid)) {
    const url = `http://127.0.0.1:${port}`;
    if (
      (await metrics(`${url}/metrics`).catch(() => "")).includes("etcd_mvcc_db_total_size_in_use_in_bytes")
    ) {
      return url;
    }
  }
  throw new Error(`process ${plane.pid} serves no metrics of etcd`);
}

async function metrics(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
  return answer.text();
}

function valueOf(text: string, name: string): number {
  const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`etcd tells no ${name}`);
  return Number(value);
}

/** TCP ports on which a process of this machine listens (proc(5): sockets by inode). */
async function listeningPorts(pid: number): Promise<number[]> {
  const inodes = new Set<string>();
  for (const name of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${name}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const ports: number[] = [];
  for (const line of (await readFile(`/proc/${pid}/net/tcp`, "utf8")).split("\n").slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state !== LISTENING || inode === undefined || !inodes.has(inode)) continue;
    ports.push(Number.parseInt(local?.split(":")[1] ?? "", 16));
  }
  return ports;
}
