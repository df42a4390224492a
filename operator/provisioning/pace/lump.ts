import type { Departure } from "./rate.ts";

/** At a known rate, so many requests a second are enough; fewer would be one lump each. */
const LARGEST_S = 0.25;
/** And more than this are a load of their own. */
const SMALLEST_S = 1 / 128;
const STEP = 1.5;
const STEP_S = 5;
const FIRST_SHUN_S = 60;

/**
 * How many devices of a known rate a cloud takes at once. A registry with a second's worth in hand takes them in
 * any lumps, another only one by one. It is tried while the rate is not, so that it is known what a refusal is for.
 */
export class Lump {
  #size = 1;
  #before = 1;
  /** Seconds of sending. */
  #time = 0;
  #triedAt = -Infinity;
  #trialS = STEP_S;
  #triedSince = Infinity;
  #lastLeft = -Infinity;
  /** Requests that left until then are known to have been too much. */
  #tooMuchUntil = -Infinity;
  #shunUntil = -Infinity;
  #shunS = FIRST_SHUN_S;

  /** Devices for a request at this rate. */
  size(rate: number): number {
    const most = Math.max(1, Math.floor(rate * LARGEST_S));
    return Math.max(1, Math.ceil(rate * SMALLEST_S), Math.min(this.#size, most));
  }

  /** A request leaves. @param heldBack it had to wait for its time, @param holding the rate is not tried at present */
  leaves({ devices, rate, order }: Departure, heldBack: boolean, holding: boolean, lagMs: number): void {
    this.#lastLeft = order;
    if (!heldBack) return;
    this.#time += devices / rate;
    this.#trialS = STEP_S + (2 * lagMs) / 1_000;
    if (!holding || this.#time < this.#triedAt + this.#trialS || this.#time < this.#shunUntil) return;
    if (this.#size >= rate * LARGEST_S) return;
    this.#before = Math.max(this.#size, Math.ceil(rate * SMALLEST_S));
    this.#size = Math.ceil(this.#before * STEP);
    this.#tooMuchUntil = -Infinity;
    this.#triedAt = this.#time;
    this.#triedSince = order;
  }

  /** The rate was cut: perhaps because of the lumps. */
  cut(): void {
    this.#size = Math.max(1, Math.floor(this.#size / STEP));
  }

  /** Whether a refusal is likely to be for the lump; if so, it is made smaller again. */
  blamed({ order, devices }: Departure): boolean {
    if (order <= this.#triedSince || devices <= this.#before) return false;
    // Once it is known to be too much, that goes for all such requests that are under way still.
    if (order <= this.#tooMuchUntil) return true;
    if (this.#tooMuchUntil > -Infinity || this.#time >= this.#triedAt + this.#trialS) return false;
    this.#tooMuchUntil = this.#lastLeft;
    this.#size = this.#before;
    this.#shunUntil = this.#time + this.#shunS;
    this.#shunS *= 4;
    return true;
  }
}
