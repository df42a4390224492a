import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { OwnedProcess, describeEnding } from "../process/owned-process.ts";
import type { Ending } from "../process/owned-process.ts";
import { reapFolder } from "../process/reaper.ts";
import { eventually } from "./eventually.ts";

const MAIN = resolve(import.meta.dirname, "../../operator/main.ts");
const STOP_GRACE_MS = 20_000;

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** What Node is to run, with its own flags before it; the operator's source unless told. */
  readonly program?: readonly string[];
  readonly operatorNamespace?: string;
  /** Addresses that callers may reach although egress rules refuse them; for tests and the demo 127.0.0.1/32. */
  readonly egressAllowCidrs?: readonly string[];
  readonly manifestRoot?: string;
  /** Cache of manifests; a temporary folder, removed when the operator is gone, unless told. */
  readonly dataDir?: string;
  readonly logLevel?: string;
  readonly leaderElect?: boolean;
  readonly requestTimeoutSeconds?: number;
  /** How long a call to a product cloud may take. */
  readonly cloudDeadlineSeconds?: number;
  readonly extraArgs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** How many log lines are kept; 500 unless told. */
  readonly keptLines?: number;
  /** `listening`: its health endpoint answers; `ready` (unless told): and says that all is well. */
  readonly waitFor?: "listening" | "ready";
  /** Milliseconds until then; 60000 unless told. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One line of the operator's log. */
export type LogEntry = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface OperatorProcess {
  readonly pid: number;
  /** Base address of /livez and /readyz. */
  readonly healthUrl: string;
  /** What /metrics answers. */
  metrics(signal?: AbortSignal): Promise<string>;
  readonly ended: Promise<Ending>;
  /** Undefined while it runs. */
  readonly ending: Ending | undefined;
  /** The last log lines; what is no JSON is there as its `msg`. */
  logs(): LogEntry[];
  /** What it last wrote, as text, for messages. */
  lastWords(): string;
  /** Called with each log entry from now on; the returned function ends that. */
  onLog(listener: (entry: LogEntry) => void): () => void;
  healthy(check: "livez" | "readyz", signal?: AbortSignal): Promise<boolean>;
  /** SIGTERM; resolves when it is gone. */
  stop(): Promise<Ending>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<Ending>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

/**
 * Starts the operator as a process of its own and waits until it is up.
 * @throws Error when it ends or the deadline passes first, with what it last wrote
 */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const temporary = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "certferry-operator-")));
  if (temporary) reapFolder(dataDir);
  const child = await OwnedProcess.start({
    command: process.execPath,
    args: [...(options.program ?? [MAIN]), ...flagsOf({ ...options, dataDir })],
    keptLines: options.keptLines ?? 500,
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
  });
  const ended = (async (): Promise<Ending> => {
    const ending = await child.ended;
    if (temporary) await rm(dataDir, { recursive: true, force: true });
    return ending;
  })();
  const lastWords = (): string =>
    [...child.tail("stdout").slice(-15), ...child.tail("stderr").slice(-15)].join("\n");
  const timeout = options.startTimeoutMs ?? 60_000;
  const started = Date.now();
  try {
    const [healthUrl, metricsUrl] = await Promise.all(
      ["health", "metrics"].map((what) =>
        child.line(
          (line) => servedAt(what, readEntry(line)),
          "the operator did not start",
          timeout,
          options.signal,
        ),
      ),
    );
    if (healthUrl === undefined || metricsUrl === undefined) throw new Error("unreachable");
    const healthy = async (check: "livez" | "readyz", signal?: AbortSignal): Promise<boolean> => {
      const limit = AbortSignal.timeout(5000);
      const answer = await fetch(`${healthUrl}/${check}`, {
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      await answer.body?.cancel();
      return answer.ok;
    };
    if (options.waitFor !== "listening") {
      await eventually(
        async (signal) => {
          if (child.ending !== undefined) return "ended" as const;
          return (await healthy("readyz", signal)) ? ("ready" as const) : undefined;
        },
        {
          deadline: Math.max(1, timeout - (Date.now() - started)),
          what: "the operator is ready",
          ...(options.signal && { signal: options.signal }),
        },
      );
      if (child.ending !== undefined) throw new Error(`the operator ended (${describeEnding(child.ending)})`);
    }
    return {
      pid: child.pid,
      healthUrl,
      metrics: async (signal) => await metricsAt(metricsUrl, signal),
      ended,
      get ending() {
        return child.ending;
      },
      logs: () => [...child.tail("stdout"), ...child.tail("stderr")].map(readEntry),
      lastWords,
      onLog: (listener) => child.onLine((line) => listener(readEntry(line))),
      healthy,
      async stop() {
        await child.stop(STOP_GRACE_MS);
        return await ended;
      },
      async kill() {
        await child.kill();
        return await ended;
      },
      pause: () => child.pause(),
      resume: () => child.resume(),
    };
  } catch (error) {
    await child.kill();
    await ended;
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nIts last lines:\n${lastWords()}`, { cause: error });
  }
}

function flagsOf(options: OperatorOptions & { dataDir: string }): string[] {
  const flags = [
    "--kubeconfig",
    options.kubeconfig,
    "--data-dir",
    options.dataDir,
    "--health-address",
    "127.0.0.1:0",
    "--metrics-address",
    "127.0.0.1:0",
  ];
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) flags.push(name, value);
  };
  add("--operator-namespace", options.operatorNamespace);
  add("--manifest-root", options.manifestRoot);
  add("--log-level", options.logLevel);
  add("--request-timeout", options.requestTimeoutSeconds?.toString());
  add("--cloud-deadline", options.cloudDeadlineSeconds?.toString());
  for (const cidr of options.egressAllowCidrs ?? []) add("--egress-allow-cidr", cidr);
  if (options.leaderElect === false) flags.push("--no-leader-elect");
  return [...flags, ...(options.extraArgs ?? [])];
}

async function metricsAt(url: string, signal: AbortSignal | undefined): Promise<string> {
  const limit = AbortSignal.timeout(10_000);
  const answer = await fetch(`${url}/metrics`, {
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
  return await answer.text();
}

/** Where that is served, from the log line that says so. */
function servedAt(what: string, entry: LogEntry): string | undefined {
  const { msg, host, port } = entry as Partial<Record<string, unknown>>;
  return msg === `serving ${what}` ? `http://${String(host)}:${String(port)}` : undefined;
}

function readEntry(line: string): LogEntry {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === "object" && entry !== null) return entry as LogEntry;
  } catch {
    // Not JSON: a crash of Node itself, for example.
  }
  return { msg: line };
}
