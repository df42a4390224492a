import type { Clock } from "../runtime/clock.ts";
import { Pace, type PaceLimits, type PaceSignal } from "./pace.ts";

/** Placements that read their manifests at a time, for each cloud. */
const MOST_ABOARD = 8;

/**
 * The way to one product cloud. Every placement into that cloud goes through its lane: the lane keeps the
 * pace and lets the placements take turns, one request each.
 */
export class Lane {
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #limits = new Map<string, PaceLimits>();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  readonly #queue: (() => void)[] = [];
  #aboard = 0;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#pace = new Pace(random);
  }

  /** Devices that the next request should carry. */
  get size(): number {
    return this.#pace.size;
  }

  /** Time (epoch ms) before which nothing is sent; in the past when nothing holds it back. */
  get pausedUntil(): number {
    return this.#pace.pausedUntil;
  }

  /** Takes a placement's ceilings. Where several placements share the lane, the lowest of each holds. */
  limit(placement: string, limits: PaceLimits): void {
    this.#limits.set(placement, limits);
    this.#pace.limit(lowest([...this.#limits.values()]));
  }

  /** Forgets a placement's ceilings. */
  unlimit(placement: string): void {
    if (this.#limits.delete(placement)) this.#pace.limit(lowest([...this.#limits.values()]));
  }

  /**
   * Waits until the placement may read its manifest: a few at a time, for each holds a file and memory while it
   * waits for its turns, and a cloud that is held up must not gather hundreds of them.
   * @returns a function that must be called when it reads no more.
   */
  async board(signal: AbortSignal): Promise<() => void> {
    if (this.#aboard < MOST_ABOARD && this.#queue.length === 0) this.#aboard += 1;
    else {
      await queued(this.#queue, signal, () => {
        this.#aboard += 1;
      });
    }
    let gone = false;
    return () => {
      if (gone) return;
      gone = true;
      this.#aboard -= 1;
      if (this.#aboard < MOST_ABOARD) this.#queue.shift()?.();
    };
  }

  /** Whether placements wait to read. */
  get crowded(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Waits for a turn to send one request of `devices` devices. Who came first goes first; a placement asks
   * for its next turn only after it has this one, so placements alternate.
   *
   * @returns a function that must be called once with how the request ended.
   */
  async turn(devices: number, signal: AbortSignal): Promise<(ended: PaceSignal | undefined) => void> {
    await this.#place(signal);
    try {
      await this.#room(devices, signal);
    } catch (error) {
      this.#leave();
      throw error;
    }
    const left = this.#clock.now();
    let ended = false;
    return (outcome) => {
      if (ended) return;
      ended = true;
      if (outcome !== undefined) this.#pace.learn(outcome, this.#clock.now(), left);
      this.#leave();
    };
  }

  /** Waits until the pace lets this request leave; asks again after a wait, for a refusal may have come meanwhile. */
  async #room(devices: number, signal: AbortSignal): Promise<void> {
    const slot = this.#pace.reserve(devices, this.#clock.now());
    for (let leave = slot; leave > this.#clock.now(); leave = Math.max(slot, this.#pace.pausedUntil)) {
      await this.#clock.sleep(leave - this.#clock.now(), signal);
    }
    signal.throwIfAborted();
  }

  async #place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#underWay < this.#pace.inFlight && this.#waiting.length === 0) {
      this.#underWay += 1;
      return;
    }
    await queued(this.#waiting, signal, () => {
      this.#underWay += 1;
    });
  }

  #leave(): void {
    this.#underWay -= 1;
    while (this.#underWay < this.#pace.inFlight) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next();
    }
  }
}

/** Waits in a line until it is called; who is aborted leaves the line. */
async function queued(line: (() => void)[], signal: AbortSignal, entered: () => void): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const enter = (): void => {
    signal.removeEventListener("abort", giveUp);
    entered();
    resolve();
  };
  const giveUp = (): void => {
    const at = line.indexOf(enter);
    if (at >= 0) line.splice(at, 1);
    reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  signal.addEventListener("abort", giveUp, { once: true });
  line.push(enter);
  await promise;
}

function lowest(all: readonly PaceLimits[]): PaceLimits {
  const least = (field: keyof PaceLimits): number | undefined => {
    const set = all.map((limits) => limits[field]).filter((limit) => limit !== undefined);
    return set.length === 0 ? undefined : Math.min(...set);
  };
  return {
    devicesPerSecond: least("devicesPerSecond"),
    maxInFlight: least("maxInFlight"),
    maxDevicesPerRequest: least("maxDevicesPerRequest"),
  };
}
