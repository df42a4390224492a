import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../harness/index.ts";
import type { Ground } from "./ground.ts";

/** The API server's bad times, one after the other. */
export class ApiServerTrouble {
  readonly #ground: Ground;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** SIGKILL, and a new start after `ms`. */
  kill(ms: number, ceased: AbortSignal): Promise<boolean> {
    const { plane } = this.#ground.field;
    return this.#next(ceased, async () => {
      await plane.kill();
      await sleep(ms, undefined, { signal: ceased }).catch(() => undefined);
      await this.#restart();
    });
  }

  /** SIGSTOP, and SIGCONT after `ms`. */
  pause(ms: number, ceased: AbortSignal): Promise<boolean> {
    const { plane } = this.#ground.field;
    return this.#next(ceased, async () => {
      plane.pause();
      await sleep(ms, undefined, { signal: ceased }).catch(() => undefined);
      plane.resume();
    });
  }

  async #restart(): Promise<void> {
    const { plane, batches } = this.#ground.field;
    await eventually(
      async () => {
        await plane.restart();
        return true;
      },
      { deadline: 120_000, what: "the API server is started again" },
    );
    await eventually((signal) => batches.list({}, signal), { what: "the API server answers" });
  }

  /** @returns whether it took place: not when its turn comes after everything has ceased */
  #next(ceased: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    const turn = this.#turn.then(async () => {
      if (ceased.aborted) return false;
      await work();
      return true;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
