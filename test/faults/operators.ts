import { setTimeout as sleep } from "node:timers/promises";
import type { Ending } from "../../tools/process/owned-process.ts";
import { eventually, type LogEntry, type OperatorProcess } from "../harness/index.ts";
import type { Ground } from "./ground.ts";
import { identityFor } from "./identity.ts";
import type { OperatorRole } from "./schedule.ts";

/** From SIGSTOP to SIGCONT, epoch ms. */
export interface Standstill {
  readonly from: number;
  readonly to: number;
  readonly led: boolean;
}

/** One process of an operator, from its start to its end. */
export interface Life {
  /** Of its service account. */
  readonly name: string;
  readonly process: OperatorProcess;
  /** When it said that it leads, epoch ms. */
  readonly led: number[];
  readonly standstills: Standstill[];
  /** Lines that should not be there. */
  readonly oddities: string[];
  /** How it was told to end, if it was. */
  ordered: "SIGKILL" | "SIGTERM" | undefined;
  standing: boolean;
  ending: Ending | undefined;
  endedAt: number;
}

const REPLICAS = 2;
/** Prepared beforehand, for an API server that is away makes none. */
const IDENTITIES = 40;
/** As a kubelet would. */
const RESTART_AFTER_MS = 300;
const CLOUD_DEADLINE_SECONDS = 4;
const BUGS = /^(Type|Range|Reference|Syntax|Eval|URI|Assertion)Error$/u;

/** Two operators, of which one leads; one that ends is replaced. */
export class Operators {
  readonly lives: Life[] = [];
  readonly #ground: Ground;
  readonly #identities: { name: string; kubeconfig: string }[] = [];
  #closing = false;
  readonly #restarts = new Set<Promise<void>>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async open(): Promise<void> {
    const { field, folder } = this.#ground;
    for (let index = 1; index <= IDENTITIES; index += 1) {
      const name = `operator-${index}`;
      this.#identities.push({ name, kubeconfig: await identityFor(field, name, folder) });
    }
    await Promise.all(Array.from({ length: REPLICAS }, () => this.#start()));
    await this.leader();
  }

  get alive(): Life[] {
    return this.lives.filter(({ ending }) => ending === undefined);
  }

  /** Who leads now, as far as the operators say; undefined while nobody does. */
  get leading(): Life | undefined {
    return this.alive
      .filter(({ led }) => led.length > 0)
      .sort((a, b) => (b.led.at(-1) ?? 0) - (a.led.at(-1) ?? 0))[0];
  }

  async leader(deadline = 60_000): Promise<Life> {
    return eventually(() => this.leading, { deadline, what: "an operator leads" });
  }

  #of(role: OperatorRole): Life | undefined {
    const { leading } = this;
    return role === "leader" ? leading : this.alive.find((life) => life !== leading);
  }

  /** SIGKILL. @returns whether there was one to be killed */
  async kill(role: OperatorRole): Promise<boolean> {
    const life = this.#of(role);
    if (life === undefined) return false;
    life.ordered = "SIGKILL";
    await life.process.kill();
    return true;
  }

  /** SIGTERM, as an orderly replacement begins. */
  async terminate(role: OperatorRole): Promise<boolean> {
    const life = this.#of(role);
    if (life === undefined || life.standing) return false;
    life.ordered = "SIGTERM";
    await life.process.stop();
    return true;
  }

  /** SIGSTOP, and SIGCONT after `ms`. */
  async stop(role: OperatorRole, ms: number, ceased: AbortSignal): Promise<boolean> {
    const life = this.#of(role);
    if (life === undefined || life.standing || life.ordered !== undefined) return false;
    const led = life === this.leading;
    life.standing = true;
    life.process.pause();
    const from = Date.now();
    await sleep(ms, undefined, { signal: ceased }).catch(() => undefined);
    const to = Date.now();
    life.process.resume();
    life.standing = false;
    life.standstills.push({ from, to, led });
    return true;
  }

  /** Waits until two operators run and one leads. */
  async complete(): Promise<void> {
    await eventually(() => this.alive.length === REPLICAS && this.leading !== undefined, {
      deadline: 60_000,
      what: "two operators run and one leads",
    });
  }

  /** Ends all of them in order. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#restarts);
    await Promise.all(
      this.alive.map(async (life) => {
        life.ordered ??= "SIGTERM";
        await life.process.stop();
      }),
    );
  }

  async #start(): Promise<void> {
    const identity = this.#identities.shift();
    if (identity === undefined) throw new Error("no service account is left for another operator");
    const process = await this.#ground.field.operator({
      kubeconfig: identity.kubeconfig,
      leaderElect: true,
      cloudDeadlineSeconds: CLOUD_DEADLINE_SECONDS,
      requestTimeoutSeconds: 10,
      waitFor: "listening",
      keptLines: 400,
    });
    const life: Life = {
      name: identity.name,
      process,
      led: [],
      standstills: [],
      oddities: [],
      ordered: undefined,
      standing: false,
      ending: undefined,
      endedAt: 0,
    };
    for (const entry of process.logs()) note(life, entry);
    process.onLog((entry) => note(life, entry));
    this.lives.push(life);
    void this.#succeed(life);
  }

  /** Sees a life to its end, and starts the next. */
  async #succeed(life: Life): Promise<void> {
    life.ending = await life.process.ended;
    life.endedAt = Date.now();
    if (this.#closing) return;
    const restart = this.#restart(life);
    this.#restarts.add(restart);
    await restart;
    this.#restarts.delete(restart);
  }

  async #restart(before: Life): Promise<void> {
    try {
      await sleep(RESTART_AFTER_MS);
      if (!this.#closing) await this.#start();
    } catch (error) {
      before.oddities.push(`no successor was started: ${String(error)}`);
    }
  }
}

function note(life: Life, entry: LogEntry): void {
  if (entry.msg === "leading" && "identity" in entry) life.led.push(Date.now());
  const error = entry["err"];
  const type = typeof error === "object" && error !== null && "type" in error ? String(error.type) : "";
  // Certferry logs JSON lines; whatever else comes is a warning or a crash of Node's.
  if (!("level" in entry) && entry.msg !== undefined) life.oddities.push(entry.msg);
  else if (BUGS.test(type)) life.oddities.push(JSON.stringify(entry));
}
