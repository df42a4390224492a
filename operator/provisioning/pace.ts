import { Goodput } from "./goodput.ts";

/** Ceilings that people set (`spec.limits`); they hold always. */
export interface PaceLimits {
  readonly devicesPerSecond?: number | undefined;
  readonly maxInFlight?: number | undefined;
  readonly maxDevicesPerRequest?: number | undefined;
}

/** How one request ended, as far as pace is concerned. */
export type PaceSignal =
  | {
      readonly kind: "answered";
      readonly devices: number;
      readonly tookMs: number;
      readonly throttled: number;
    }
  | { readonly kind: "throttled"; readonly retryAfterMs?: number | undefined }
  | { readonly kind: "timedOut" }
  | { readonly kind: "tooLarge"; readonly devices: number }
  | { readonly kind: "unavailable"; readonly retryAfterMs?: number | undefined };

const START_SIZE = 20;
const START_IN_FLIGHT = 2;
const MOST_IN_FLIGHT = 8;
const MOST_DEVICES = 250;
/** API Gateway cuts an answer off at 29 s (its documented integration timeout); a third leaves room for a bad day. */
const COMFORTABLE_MS = 5_000;
const SLOW_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** While no bound is known, a smaller share of refusals is taken for some devices' own fault. */
const TELLING_SHARE = 0.2;
/** A cut goes so far below what was let in. */
const CUT = 0.95;
const CUT_INTERVAL_MS = 1_000;
/** How much of a request counts still when the next one is answered. */
const MEMORY = 0.75;
/** How much the rate grows in a second without refusals. */
const GROWTH = 0.1;
/** No rate is below this share of the best that was seen: refusals that slowness does not mend have another cause. */
const FLOOR = 0.1;
const SLOWEST = 0.2;
/** One device is no load on a cloud that has let others in: after its refusal nothing is held back for longer. */
const LONGEST_PAUSE_ALONE_MS = 2_000;

/**
 * The pace towards one product cloud: how many devices a request carries and a second takes, how many requests
 * are under way, and how long to hold back after a refusal. It is found from the answers: grown gently while
 * they come quickly, cut when they come slowly or refuse.
 */
export class Pace {
  #size = START_SIZE;
  #inFlight = START_IN_FLIGHT;
  #trouble = 0;
  #pausedUntil = 0;
  #nextSlot = 0;
  #limits: PaceLimits = {};
  /** Devices a second that the cloud bears; without bound until it refuses some. */
  #rate = Infinity;
  /** When the rate was raised or cut last. */
  #ratedAt = -Infinity;
  #cutAt = -Infinity;
  /** Devices of the last few requests that left since the last cut; older ones count less and less. */
  #lately = { sent: 0, refused: 0 };
  #best = 0;
  #letsIn = false;
  #refusedAt = -Infinity;
  readonly #admitted = new Goodput();
  readonly #random: () => number;

  /** @param random for jitter; in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Takes the ceilings that hold from now on. */
  limit(limits: PaceLimits): void {
    this.#limits = limits;
  }

  /** Devices for the next request. */
  get size(): number {
    const ceiling = Math.min(this.#limits.maxDevicesPerRequest ?? MOST_DEVICES, MOST_DEVICES);
    // A request must not hold more than a second's quota, or its answer alone breaks the quota.
    const second = Math.max(1, Math.floor(Math.min(this.rate, MOST_DEVICES)));
    return Math.max(1, Math.min(Math.floor(this.#size), ceiling, second));
  }

  /** Devices a second, at most; Infinity while nothing sets a bound. */
  get rate(): number {
    return Math.min(this.#rate, this.#limits.devicesPerSecond ?? Infinity);
  }

  /** Requests that may be under way at once. One while in trouble: it is the probe. */
  get inFlight(): number {
    if (this.#trouble > 0) return 1;
    return Math.max(1, Math.min(Math.floor(this.#inFlight), this.#limits.maxInFlight ?? MOST_IN_FLIGHT));
  }

  /** Time (epoch ms) before which nothing is sent. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** How often in a row the cloud refused or did not answer. */
  get trouble(): number {
    return this.#trouble;
  }

  /** Reserves room for a request under the rate; returns the time (epoch ms) it may leave. */
  reserve(devices: number, now: number): number {
    const slot = Math.max(now, this.#pausedUntil, this.#nextSlot);
    this.#nextSlot = slot + (devices / this.rate) * 1_000;
    return slot;
  }

  /**
   * Learns from one request's end. Several that were under way together and end badly are one refusal.
   * @param leftAt when the request left.
   */
  learn(signal: PaceSignal, now: number, leftAt: number): void {
    const fresh = leftAt >= this.#refusedAt;
    switch (signal.kind) {
      case "answered":
        this.#learnAnswer(signal, now, leftAt);
        return;
      case "throttled":
        if (fresh) this.#shrink(0.75);
        this.#pause(now, fresh, signal.retryAfterMs);
        return;
      case "timedOut":
        if (fresh) this.#shrink(0.5);
        this.#pause(now, fresh, undefined);
        return;
      case "tooLarge":
        this.#size = Math.max(1, signal.devices / 2);
        return;
      case "unavailable":
        this.#pause(now, fresh, signal.retryAfterMs);
        return;
    }
  }

  #shrink(share: number): void {
    this.#inFlight = Math.max(1, this.#inFlight / 2);
    this.#size = Math.max(1, this.#size * share);
  }

  #learnAnswer(
    { devices, tookMs, throttled }: Extract<PaceSignal, { kind: "answered" }>,
    now: number,
    leftAt: number,
  ): void {
    this.#admitted.add(devices - throttled, now);
    if (devices > throttled) this.#letsIn = true;
    if (leftAt >= this.#cutAt) {
      const { sent, refused } = this.#lately;
      this.#lately = { sent: sent * MEMORY + devices, refused: refused * MEMORY + throttled };
      if (throttled > 0) this.#cut(now);
    }
    if (throttled > 0 && throttled === devices) {
      const fresh = leftAt >= this.#refusedAt;
      if (fresh) this.#shrink(0.5);
      const alone = devices === 1 && this.#letsIn;
      this.#pause(now, fresh, undefined, alone ? LONGEST_PAUSE_ALONE_MS : LONGEST_PAUSE_MS);
      return;
    }
    this.#trouble = 0;
    if (throttled > 0) return;
    this.#raise(now);
    if (tookMs > SLOW_MS) this.#size = Math.max(1, this.#size * 0.6);
    else if (tookMs < COMFORTABLE_MS && devices >= this.size)
      this.#size = Math.min(MOST_DEVICES, this.#size * 1.3);
    this.#inFlight = Math.min(MOST_IN_FLIGHT, this.#inFlight + 0.5);
  }

  /**
   * v1 hides throttling in a 200: the share of refusals says by how much the rate was too high. Requests that
   * left before the last cut say nothing about the rate since.
   */
  #cut(now: number): void {
    const share = this.#lately.refused / this.#lately.sent;
    if (this.#rate === Infinity && share < TELLING_SHARE) return;
    if (now - this.#cutAt < CUT_INTERVAL_MS) return;
    const bears = this.#admitted.perSecond(now);
    this.#best = Math.max(this.#best, bears);
    // Where nothing at all got in, pauses are the brake: a rate would be a guess.
    const next = this.#rate === Infinity ? bears : this.#rate * Math.max(1 - share, 0.5);
    if (next === 0) return;
    this.#rate = Math.max(SLOWEST, this.#best * FLOOR, next * CUT);
    this.#cutAt = now;
    this.#ratedAt = now;
    this.#lately = { sent: 0, refused: 0 };
  }

  #raise(now: number): void {
    if (this.#rate === Infinity) return;
    const seconds = Math.min(1, Math.max(0, now - this.#ratedAt) / 1_000);
    this.#rate *= 1 + GROWTH * seconds;
    this.#ratedAt = Math.max(this.#ratedAt, now);
  }

  #pause(now: number, fresh: boolean, retryAfterMs: number | undefined, longestMs = LONGEST_PAUSE_MS): void {
    // A cloud that names a time is obeyed, within reason: a day's Retry-After would be a fault, not a wish.
    const asked = Math.min(retryAfterMs ?? 0, 15 * 60_000);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + asked);
    if (!fresh) return;
    const ceiling = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** Math.min(this.#trouble, 10));
    this.#trouble += 1;
    this.#refusedAt = now;
    const jittered = ceiling * (0.5 + this.#random() / 2);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + jittered);
  }
}
