import { abortReason, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { KubeClient } from "./client.ts";
import { untilAborted, withDeadline } from "./deadline.ts";
import type { EventRecorder } from "./events.ts";
import type { HealthServer } from "./health.ts";
import { LeaseLost } from "./leader.ts";
import type { LeaderElector } from "./leader.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";

/** What the manager must know of an informer, whatever its kind. */
export interface ManagedInformer {
  readonly name: string;
  readonly synced: boolean;
  start(signal: AbortSignal): void;
  stopped(): Promise<void>;
  waitForSync(signal: AbortSignal): Promise<void>;
  staleForMs(): number;
}

/** What the manager must know of a controller. */
export interface ManagedController {
  readonly name: string;
  run(signal: AbortSignal, kill?: AbortSignal): Promise<void>;
}

/** Something else that runs as long as the process does. Its failure ends the process. */
export interface Task {
  readonly name: string;
  /** Whether it runs only while this process leads (the default). */
  readonly needsLease?: boolean;
  /** Must end soon after the signal is aborted. A task without the lease runs until everything else has ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Something that listens. */
export interface Server {
  /** @throws Error when the address is taken or not ours */
  listen(): Promise<unknown>;
  close(): Promise<void>;
}

export interface ManagerOptions {
  /** Closed at the end. */
  client: KubeClient;
  /** Without one, this process leads as soon as it is in sync. */
  elector?: LeaderElector;
  events?: EventRecorder;
  health?: HealthServer;
  /** What else listens as long as the process runs, such as for metrics. */
  servers?: readonly Server[];
  clock?: Clock;
  log?: Logger;
  /** How long reconciles and tasks may go on after the stop signal, in milliseconds. */
  drainMs?: number;
  /** A watch that has heard nothing for this long fails /livez. */
  maxStaleMs?: number;
}

const DRAIN_MS = 15_000;
const FLUSH_MS = 3_000;
/** How long what was killed may take to end. */
const LAST_MS = 2_000;
/** Several times the informer's own stall detection, with its retries. */
const MAX_STALE_MS = 5 * 60_000;

/**
 * Runs the parts of an operator in order: health, informers, sync, lease, controllers; and ends them in order:
 * no new keys, running reconciles drained, events flushed, the lease released, informers ended, the client closed.
 */
export class Manager {
  readonly #o: ManagerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #informers: ManagedInformer[] = [];
  readonly #controllers: ManagedController[] = [];
  readonly #tasks: Task[] = [];
  /** Aborted when everything is to end, with the fault that is the reason, if it is one. */
  readonly #stop = new AbortController();
  /** Aborted when what still runs must end at once. */
  readonly #kill = new AbortController();
  #fault: Error | undefined;
  #started = false;

  constructor(o: ManagerOptions) {
    this.#o = o;
    this.#clock = o.clock ?? systemClock;
    this.#log = (o.log ?? silentLogger).child({ module: "manager" });
    this.#addChecks();
  }

  addInformer(informer: ManagedInformer): void {
    this.#informers.push(informer);
    const { health, maxStaleMs = MAX_STALE_MS } = this.#o;
    health?.addReadyz(`informer-${informer.name}`, () => (informer.synced ? undefined : "not in sync yet"));
    health?.addLivez(`informer-${informer.name}`, () => {
      const stale = informer.staleForMs();
      return stale <= maxStaleMs ? undefined : `nothing heard for ${Math.round(stale / 1000)} s`;
    });
  }

  addController(controller: ManagedController): void {
    this.#controllers.push(controller);
  }

  addTask(task: Task): void {
    this.#tasks.push(task);
  }

  /**
   * Runs until the signal is aborted and everything has ended.
   * @throws LeaseLost; what a task threw; what made the health server unable to listen
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error("a manager runs once");
    this.#started = true;
    const onStop = (): void => this.#stop.abort(abortReason(signal));
    signal.addEventListener("abort", onStop, { once: true });
    if (signal.aborted) onStop();
    const background = new AbortController();
    const running: Promise<void>[] = [];
    try {
      await this.#o.health?.listen();
      for (const server of this.#o.servers ?? []) await server.listen();
      for (const informer of this.#informers) {
        informer.start(background.signal);
        running.push(informer.stopped());
      }
      running.push(...this.#startTasks(false, background.signal));
      if (await this.#synced()) await this.#lead();
    } catch (error) {
      this.#fault ??= error instanceof Error ? error : new Error(String(error));
    } finally {
      signal.removeEventListener("abort", onStop);
      this.#stop.abort();
      this.#kill.abort(new Error("the process is ending"));
      await this.#flush();
      background.abort(new Error("the process is ending"));
      await this.#atMost(LAST_MS, "ending the informers", Promise.all(running));
      await this.#atMost(LAST_MS, "closing the client", this.#o.client.close());
      for (const server of this.#o.servers ?? []) await server.close();
      await this.#o.health?.close();
    }
    if (this.#fault !== undefined) throw this.#fault;
    this.#log.info("stopped");
  }

  #addChecks(): void {
    const { health, elector } = this.#o;
    health?.addReadyz("shutdown", () =>
      this.#stop.signal.aborted ? "the process is shutting down" : undefined,
    );
    if (elector === undefined) return;
    health?.addLivez("leader-election", () =>
      !elector.leading || elector.renewedWithin(elector.leaseDurationMs)
        ? undefined
        : "leading on a lease that has run out",
    );
  }

  /** Whether all informers came in sync before the stop. */
  async #synced(): Promise<boolean> {
    const { signal } = this.#stop;
    try {
      await Promise.all(this.#informers.map((informer) => informer.waitForSync(signal)));
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
    this.#log.info({ informers: this.#informers.length }, "in sync");
    return !signal.aborted;
  }

  async #lead(): Promise<void> {
    const { elector } = this.#o;
    if (elector === undefined) {
      await this.#work(this.#stop.signal);
      return;
    }
    let work: Promise<void> | undefined;
    try {
      await elector.run(this.#stop.signal, (signal) => {
        work = this.#work(signal);
        return work;
      });
    } catch (error) {
      // Whoever leads next must not meet us still at work.
      if (work !== undefined) await this.#atMost(LAST_MS, "stopping work", work);
      throw error;
    }
  }

  /** Runs the controllers and the tasks that need the lease until the signal is aborted and they have drained. */
  async #work(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => {
      if (signal.reason instanceof LeaseLost) {
        this.#kill.abort(signal.reason);
        return;
      }
      const drainMs = this.#o.drainMs ?? DRAIN_MS;
      this.#log.info({ drainMs }, "stopping: no new keys, draining what runs");
      const late = new Error(`stopped: draining took longer than ${drainMs} ms`);
      const timer = this.#clock.setTimeout(() => this.#kill.abort(late), drainMs);
      void drained.finally(() => timer.cancel());
    };
    const drained = Promise.all([
      aborted(signal),
      ...this.#controllers.map((controller) =>
        this.#guarded(controller.name, signal, () => controller.run(signal, this.#kill.signal)),
      ),
      ...this.#startTasks(true, signal),
    ]);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await untilAborted(this.#kill.signal, drained);
    } catch {
      await this.#atMost(LAST_MS, "stopping work", drained);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    await this.#flush();
  }

  #startTasks(needsLease: boolean, signal: AbortSignal): Promise<void>[] {
    return this.#tasks
      .filter((task) => (task.needsLease ?? true) === needsLease)
      .map((task) => this.#guarded(task.name, signal, () => task.run(signal)));
  }

  /** Runs a part; never rejects: a fault before the end was asked for ends everything. */
  async #guarded(part: string, signal: AbortSignal, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (signal.aborted) return;
      this.#log.error({ part, err: error }, "a part has failed: stopping");
      this.#fault ??= error instanceof Error ? error : new Error(String(error));
      this.#stop.abort(this.#fault);
    }
  }

  async #flush(): Promise<void> {
    const { events } = this.#o;
    if (events === undefined) return;
    const late = new AbortController();
    const timer = this.#clock.setTimeout(() => late.abort(new Error("flushing took too long")), FLUSH_MS);
    await events.flush(late.signal);
    timer.cancel();
  }

  /** Waits, but not for ever, and never throws: the end must come. */
  async #atMost(ms: number, what: string, promise: Promise<unknown>): Promise<void> {
    try {
      const late = (): Error => new Error(`${what} took longer than ${ms} ms`);
      await withDeadline({ clock: this.#clock, ms, late }, () => promise);
    } catch (error) {
      this.#log.warn({ err: error }, "not everything has ended in order");
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
