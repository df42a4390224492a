import { abortReason, type Clock, type Timer } from "../runtime/clock.ts";
import { Berths } from "./berths.ts";
import { Idleness } from "./idleness.ts";
import type { LaneView } from "./observer.ts";
import { type Departure, Pace, type PaceLimits, type PaceSignal } from "./pace.ts";

/** Placements that read their manifests at a time, for each cloud; and as many again that have little to send. */
const MOST_ABOARD = 8;
/** What held departures back is told for so long after it last did. */
const TOLD_MS = 10_000;

/** What sets the pace of a lane. */
export type LaneLimit = "CloudThrottling" | "Limits" | "Unreachable";

/** Leave for one request. */
export interface Grant {
  /** Devices that it may carry. */
  readonly devices: number;
  readonly left: Departure;
  /** Must be called when the request has ended, with what is learnt from that; later calls change nothing. */
  readonly ended: (signal: PaceSignal | undefined) => void;
}

interface Wish {
  readonly seat: Seat;
  readonly devices: number;
  readonly grant: (grant: Grant) => void;
}

/** A placement's place in a lane while it reads its manifest. */
export class Seat {
  readonly #lane: Lane;
  readonly #leave: () => void;
  /** Where it stands among those who share the lane: devices that it has sent, less those it came too late for. */
  finish = 0;

  constructor(lane: Lane, leave: () => void) {
    this.#lane = lane;
    this.#leave = leave;
  }

  /** See {@link Lane.size}. */
  get size(): number {
    return this.#lane.size;
  }

  /** See {@link Lane.pausedUntil}. */
  get pausedUntil(): number {
    return this.#lane.pausedUntil;
  }

  /** Waits for leave to send one request of so many devices, or of fewer. */
  turn(devices: number, signal: AbortSignal): Promise<Grant> {
    return this.#lane.turn(this, devices, signal);
  }

  /** Must be called when the placement reads no more. */
  leave(): void {
    this.#leave();
  }
}

/**
 * The way to one product cloud. Every placement into that cloud goes through its lane: the lane keeps the pace
 * and shares it out evenly, by devices. Who comes newly goes before those who have sent already.
 */
export class Lane {
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #limits = new Map<string, PaceLimits>();
  readonly #wishes: Wish[] = [];
  readonly #large = new Berths(MOST_ABOARD);
  readonly #small = new Berths(MOST_ABOARD);
  readonly #idleness = new Idleness();
  /** Those who do not provision, and count on this being the one way to its cloud. */
  #kept = 0;
  /** How far sharing has come: the standing of who was last let go. */
  #shared = 0;
  #alarm: { readonly at: number; readonly timer: Timer } | undefined;
  #held: { readonly by: LaneLimit; readonly at: number } | undefined;

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

  /** How it is, for metrics. */
  get view(): LaneView {
    const { size, underWay, inFlight, rate, broken } = this.#pace;
    return { size, underWay, inFlight, rate, broken: broken !== undefined, waiting: this.#wishes.length };
  }

  /** What sets the pace at present; undefined when it is the cloud's own speed. */
  get limitedBy(): LaneLimit | undefined {
    if (this.#pace.broken === "fault") return "Unreachable";
    if (this.#pace.broken === "refusal") return "CloudThrottling";
    if (this.#pace.broken === "nothing") return undefined;
    const held = this.#held;
    return held !== undefined && this.#clock.now() - held.at < TOLD_MS ? held.by : undefined;
  }

  /** Takes a placement's ceilings. Where several placements share the lane, the lowest of each holds. */
  limit(placement: string, limits: PaceLimits): void {
    this.#limits.set(placement, limits);
    this.#pace.limit(lowest([...this.#limits.values()]));
    this.#letGo();
  }

  /** Forgets a placement's ceilings. */
  unlimit(placement: string): void {
    if (!this.#limits.delete(placement)) return;
    this.#pace.limit(lowest([...this.#limits.values()]));
    this.#letGo();
  }

  /** Whether no placement has ceilings here, and so none uses it. */
  get unused(): boolean {
    return this.#limits.size === 0;
  }

  /** Whether nobody would notice if another lane led to its cloud. */
  get forgettable(): boolean {
    return this.unused && this.#kept === 0;
  }

  /** Has it remembered, for it is shared with who is to come. @returns what must be called once at the end */
  keep(): () => void {
    this.#kept += 1;
    return () => {
      this.#kept -= 1;
    };
  }

  /** Somebody has reason to believe that a cloud which did not answer is back: it is tried soon. */
  news(): void {
    this.#pace.news(this.#clock.now());
    this.#letGo();
  }

  /**
   * Waits until the placement may read its manifest: a few at a time, for each holds a file and memory while it
   * waits for its turns, and a cloud that is held up must not gather hundreds of them.
   * @param small it has little to send: such do not wait for the others' slices.
   */
  async board(signal: AbortSignal, small = false): Promise<Seat> {
    const done = this.#idleness.enter();
    try {
      const leave = await (small ? this.#small : this.#large).enter(signal);
      return new Seat(this, () => {
        leave();
        done();
      });
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Waits until no placement reads or sends. @returns a signal that fires as soon as one is about to */
  idle(signal: AbortSignal): Promise<AbortSignal> {
    return this.#idleness.wait(signal);
  }

  /**
   * The cloud wants to be left alone, as it said to somebody who does not provision. That is obeyed; nothing else is
   * learnt of it, for what such a request met says little of how many devices the cloud takes.
   * @param ms from now on
   */
  leaveAlone(ms: number): void {
    this.#pace.leaveAlone(ms, this.#clock.now());
  }

  /** Whether placements with much to send wait to read. */
  get crowded(): boolean {
    return this.#large.crowded;
  }

  /** See {@link Seat.turn}. */
  turn(seat: Seat, devices: number, signal: AbortSignal): Promise<Grant> {
    const { promise, resolve, reject } = Promise.withResolvers<Grant>();
    if (signal.aborted) {
      reject(abortReason(signal));
      return promise;
    }
    const giveUp = (): void => {
      const at = this.#wishes.indexOf(wish);
      if (at >= 0) this.#wishes.splice(at, 1);
      reject(abortReason(signal));
      this.#letGo();
    };
    const grant = (granted: Grant): void => {
      signal.removeEventListener("abort", giveUp);
      resolve(granted);
    };
    const wish = { seat, devices, grant };
    seat.finish = Math.max(seat.finish, this.#shared);
    this.#wishes.push(wish);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#letGo();
    return promise;
  }

  /** Lets go whoever may go now, and comes back when the next may. */
  #letGo(): void {
    while (this.#wishes.length > 0) {
      const now = this.#clock.now();
      const wish = this.#next();
      const devices = Math.min(wish.devices, this.#pace.size);
      const at = this.#pace.mayLeave(devices, now);
      if (at > now) {
        this.#held = { by: this.#pace.limited ? "Limits" : "CloudThrottling", at: now };
        this.#wake(at, now);
        return;
      }
      if (!this.#pace.hasRoom(devices, now)) {
        if (this.#pace.crowdLimited) this.#held = { by: "Limits", at: now };
        return;
      }
      this.#wishes.splice(this.#wishes.indexOf(wish), 1);
      this.#depart(wish, devices, now);
    }
  }

  #depart({ seat, grant }: Wish, devices: number, now: number): void {
    const left = this.#pace.leaves(devices, now);
    this.#shared = Math.max(this.#shared, seat.finish);
    seat.finish += devices;
    let over = false;
    grant({
      devices,
      left,
      ended: (signal) => {
        if (over) return;
        over = true;
        this.#pace.ended(left, signal, this.#clock.now());
        this.#letGo();
      },
    });
  }

  /** Whose turn it is: who has sent least since they share the lane. */
  #next(): Wish {
    return this.#wishes.reduce((first, wish) => (wish.seat.finish < first.seat.finish ? wish : first));
  }

  #wake(at: number, now: number): void {
    if (this.#alarm !== undefined) {
      if (this.#alarm.at <= at) return;
      this.#alarm.timer.cancel();
    }
    const timer = this.#clock.setTimeout(() => {
      this.#alarm = undefined;
      this.#letGo();
    }, at - now);
    this.#alarm = { at, timer };
  }
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
