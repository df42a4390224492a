import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { reapFolder } from "../process/reaper.ts";
import { startEnvtest } from "./envtest.ts";
import { startProgram } from "./program.ts";
import { findControlPlane } from "./source.ts";
import type { ControlPlaneSource } from "./source.ts";

export { findControlPlane };
export type { ControlPlaneSource };

export interface StartOptions {
  /** Where etcd's data, the port and the kubeconfig stay; without it a temporary folder, removed by stop(). */
  readonly dataDir?: string;
  /**
   * Further flags of kube-apiserver. `--watch-cache=false` makes compact() take effect on watches at once:
   * with the cache, old resource versions are still served from memory.
   */
  readonly extraArgs?: readonly string[];
  readonly log?: (message: string) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds until it must be ready; 120000 unless told. */
  readonly startTimeoutMs?: number;
  readonly source?: ControlPlaneSource;
}

/** A running API server with etcd, on loopback, of its owner alone. It ends with its owner at the latest. */
export interface ControlPlane {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** As https://127.0.0.1:PORT; the same over restarts. */
  readonly url: string;
  /** Of the API server's process; changes with restart(). */
  readonly pid: number;
  readonly dataDir: string;
  /** SIGTERM, waits for the end, and removes the data folder if it is a temporary one. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays, for restart(). */
  kill(): Promise<void>;
  /** Starts again, on the same data and port, after stopping it in order if it still runs. */
  restart(): Promise<void>;
  /** Hangs it: connections stay open and nothing is answered from when this returns until resume(). */
  pause(): void;
  resume(): void;
  /** Compacts etcd's history up to now; resolved when done. */
  compact(): Promise<void>;
}

/** One start of the processes; what launcher.ts needs of them. */
export interface RunningControlPlane {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  compact(): Promise<void>;
}

export interface Launch {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly extraArgs: readonly string[];
  readonly startTimeoutMs: number;
  readonly signal?: AbortSignal;
}

const FIRST_START_TRIES = 3;

/**
 * Starts a control plane and waits until it is ready.
 * @throws Error when none is found, or it is not ready by its deadline, with the last lines it wrote
 */
export async function startControlPlane(options: StartOptions = {}): Promise<ControlPlane> {
  const source = options.source ?? (await findControlPlane(options));
  const temporary = options.dataDir === undefined;
  for (let attempt = 1; ; attempt += 1) {
    const dataDir = options.dataDir ?? (await temporaryFolder());
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const launch: Launch = {
      dataDir,
      kubeconfig: join(dataDir, "kubeconfig"),
      extraArgs: options.extraArgs ?? [],
      startTimeoutMs: options.startTimeoutMs ?? 120_000,
      ...(options.signal && { signal: options.signal }),
    };
    try {
      return new LaunchedControlPlane(source, launch, temporary, await start(source, launch));
    } catch (error) {
      if (temporary) await rm(dataDir, { recursive: true, force: true });
      // A port that was free when it was chosen may be taken by the time it is listened on.
      const portTaken = error instanceof Error && error.message.includes("address already in use");
      if (!temporary || !portTaken || attempt === FIRST_START_TRIES) throw error;
    }
  }
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-control-plane-"));
  reapFolder(folder);
  return folder;
}

async function start(source: ControlPlaneSource, launch: Launch): Promise<RunningControlPlane> {
  return source.kind === "program"
    ? await startProgram(source.path, launch)
    : await startEnvtest(source, launch);
}

class LaunchedControlPlane implements ControlPlane {
  readonly #source: ControlPlaneSource;
  readonly #launch: Launch;
  readonly #temporary: boolean;
  #running: RunningControlPlane;

  constructor(source: ControlPlaneSource, launch: Launch, temporary: boolean, running: RunningControlPlane) {
    this.#source = source;
    this.#launch = launch;
    this.#temporary = temporary;
    this.#running = running;
  }

  get kubeconfig(): string {
    return this.#launch.kubeconfig;
  }

  get url(): string {
    return this.#running.url;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get dataDir(): string {
    return this.#launch.dataDir;
  }

  async stop(): Promise<void> {
    await this.#running.stop();
    if (this.#temporary) await rm(this.#launch.dataDir, { recursive: true, force: true, maxRetries: 3 });
  }

  async kill(): Promise<void> {
    await this.#running.kill();
  }

  async restart(): Promise<void> {
    await this.#running.stop();
    this.#running = await start(this.#source, this.#launch);
  }

  pause(): void {
    this.#running.pause();
  }

  resume(): void {
    this.#running.resume();
  }

  async compact(): Promise<void> {
    await this.#running.compact();
  }
}
