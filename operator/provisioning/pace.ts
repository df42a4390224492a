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

/**
 * The pace towards one product cloud: how many devices a request carries, how many requests are under way,
 * and how long to hold back after a refusal. It is found from the answers: grown gently while they come
 * quickly, cut when they come slowly or refuse.
 */
export class Pace {
  #size = START_SIZE;
  #inFlight = START_IN_FLIGHT;
  #trouble = 0;
  #pausedUntil = 0;
  #nextSlot = 0;
  #limits: PaceLimits = {};
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
    const second = Math.max(1, Math.floor(this.#limits.devicesPerSecond ?? MOST_DEVICES));
    return Math.max(1, Math.min(Math.floor(this.#size), ceiling, second));
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

  /** Reserves room for a request under `devicesPerSecond`; returns the time (epoch ms) it may leave. */
  reserve(devices: number, now: number): number {
    const rate = this.#limits.devicesPerSecond;
    const at = Math.max(now, this.#pausedUntil);
    if (rate === undefined) return at;
    const slot = Math.max(at, this.#nextSlot);
    this.#nextSlot = slot + (devices / rate) * 1_000;
    return slot;
  }

  /** Learns from one request's end. */
  learn(signal: PaceSignal, now: number): void {
    switch (signal.kind) {
      case "answered":
        this.#learnAnswer(signal.devices, signal.tookMs, signal.throttled, now);
        return;
      case "throttled":
        this.#inFlight = Math.max(1, this.#inFlight / 2);
        this.#size = Math.max(1, this.#size * 0.75);
        this.#pause(now, signal.retryAfterMs);
        return;
      case "timedOut":
        this.#inFlight = Math.max(1, this.#inFlight / 2);
        this.#size = Math.max(1, this.#size / 2);
        this.#pause(now, undefined);
        return;
      case "tooLarge":
        this.#size = Math.max(1, signal.devices / 2);
        return;
      case "unavailable":
        this.#pause(now, signal.retryAfterMs);
        return;
    }
  }

  #learnAnswer(devices: number, tookMs: number, throttled: number, now: number): void {
    if (throttled > 0) {
      // v1 hides throttling in a 200: the share of refusals says how far over the quota we were.
      this.#inFlight = Math.max(1, this.#inFlight / 2);
      this.#size = Math.max(1, this.#size * (1 - throttled / Math.max(devices, 1) / 2));
      this.#pause(now, undefined);
      return;
    }
    this.#trouble = 0;
    if (tookMs > SLOW_MS) this.#size = Math.max(1, this.#size * 0.6);
    else if (tookMs < COMFORTABLE_MS && devices >= this.size)
      this.#size = Math.min(MOST_DEVICES, this.#size * 1.3);
    this.#inFlight = Math.min(MOST_IN_FLIGHT, this.#inFlight + 0.5);
  }

  #pause(now: number, retryAfterMs: number | undefined): void {
    const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#trouble, 10));
    this.#trouble += 1;
    const jittered = ceiling * (0.5 + this.#random() / 2);
    // A cloud that names a time is obeyed, within reason: a day's Retry-After would be a fault, not a wish.
    const asked = Math.min(retryAfterMs ?? 0, 15 * 60_000);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.max(jittered, asked));
  }
}
