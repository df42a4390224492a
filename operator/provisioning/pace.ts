import { Goodput } from "./goodput.ts";
import { Breaker } from "./pace/breaker.ts";
import { Ceiling } from "./pace/ceiling.ts";
import { Lump } from "./pace/lump.ts";
import { type Departure, Rate } from "./pace/rate.ts";
import { MOST_DEVICES, MOST_IN_FLIGHT, Window } from "./pace/window.ts";

export type { Departure } from "./pace/rate.ts";

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
      readonly tookMs: number;
      /** Devices that were done with. */
      readonly admitted: number;
      /** Devices that the cloud had no room for. */
      readonly refused: number;
      /** Earlier requests in which the cloud had no room for a device, as is known now; one for each device. */
      readonly proved?: readonly Departure[];
      /** Devices that the callee had no time for. */
      readonly late: number;
      /** Nothing came of it, and sending faster would not help. */
      readonly barren: boolean;
    }
  | { readonly kind: "throttled"; readonly retryAfterMs?: number | undefined }
  | { readonly kind: "timedOut" }
  | { readonly kind: "tooLarge" }
  | {
      readonly kind: "unavailable";
      readonly retryAfterMs?: number | undefined;
      /** It will not pass by itself. */
      readonly hopeless?: boolean;
    };

/** What a request that brought nothing ended with. */
export type Break = "fault" | "refusal" | "nothing";

/** A cloud that names a time is obeyed, within reason: a day's Retry-After would be a fault, not a wish. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;
/** Of a timer that fires late, so much is made up for: less at a rate that people have set, which is a promise. */
const LATENESS_MS = 100;
const LATENESS_AT_CEILING_MS = 50;
const SLACK_MS = 3_000;
/** Where more of the time is lost, something else than the rate holds requests back. */
const SLACK = 0.2;

/**
 * The pace towards one product cloud: how many devices a request carries and a second takes, how many requests
 * are under way, and how long to hold back after a refusal. All of it is found from the answers.
 */
export class Pace {
  readonly #window = new Window();
  readonly #rate = new Rate();
  readonly #lump = new Lump();
  readonly #ceiling = new Ceiling();
  readonly #breaker: Breaker;
  readonly #admitted = new Goodput();
  #limits: PaceLimits = {};
  #retryAt = -Infinity;
  #slot = -Infinity;
  #brokenBy: Break = "fault";
  #order = 0;
  #leftAt = -Infinity;
  /** Of the last seconds, milliseconds in which requests might have left and did not. */
  #slack = 0;
  #time = 0;
  #underWay = 0;
  #devicesUnderWay = 0;

  /** @param random for jitter; in [0, 1). */
  constructor(random: () => number) {
    this.#breaker = new Breaker(random);
  }

  /** Takes the ceilings that hold from now on. */
  limit(limits: PaceLimits): void {
    this.#limits = limits;
  }

  /** Devices a second, at most; Infinity while nothing sets a bound. */
  get rate(): number {
    return Math.min(this.#rate.perSecond, this.#limits.devicesPerSecond ?? Infinity);
  }

  /** Whether it is people's ceilings that set the rate. */
  get limited(): boolean {
    const { devicesPerSecond } = this.#limits;
    return devicesPerSecond !== undefined && devicesPerSecond <= this.#rate.perSecond;
  }

  /** Whether refusals set the rate. */
  get throttled(): boolean {
    return this.#rate.perSecond < (this.#limits.devicesPerSecond ?? Infinity);
  }

  /** Devices for the next request. */
  get size(): number {
    if (this.#breaker.open) return 1;
    const most = Math.min(this.#window.size, this.#limits.maxDevicesPerRequest ?? MOST_DEVICES, MOST_DEVICES);
    const rate = this.#rate.perSecond;
    const { devicesPerSecond } = this.#limits;
    if (devicesPerSecond !== undefined && devicesPerSecond <= rate)
      return this.#ceiling.size(devicesPerSecond, most);
    if (rate === Infinity) return most;
    const least = (rate * this.#window.usualMs) / 1_000 / (this.#mostInFlight * 0.75);
    const lump = Math.min(this.#lump.size(rate), this.#window.promptSize);
    return Math.min(most, Math.max(lump, Math.ceil(least)));
  }

  /** Requests that may be under way at once. One while the circuit is open: it is the probe. */
  get inFlight(): number {
    if (this.#breaker.open) return 1;
    const rate = this.#rate.perSecond;
    if (rate === Infinity) return Math.min(this.#window.inFlight, this.#mostInFlight);
    const { size } = this;
    const needed = (1.5 * rate * this.#window.freeMs(size)) / 1_000 / size;
    return Math.min(Math.ceil(needed) + 1, this.#mostInFlight);
  }

  get #mostInFlight(): number {
    return this.#limits.maxInFlight ?? MOST_IN_FLIGHT;
  }

  /** Whether people's ceilings keep more from being under way. */
  get crowdLimited(): boolean {
    return this.inFlight === this.#limits.maxInFlight || this.size === this.#limits.maxDevicesPerRequest;
  }

  /** Requests that are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether another request of so many devices may be under way. */
  hasRoom(devices: number, now: number): boolean {
    if (this.#underWay === 0) return true;
    if (this.#underWay >= this.inFlight) return false;
    return this.#devicesUnderWay + devices <= this.#window.mostUnderWay(this.#admitted.perSecond(now));
  }

  /** Time (epoch ms) before which nothing is sent. */
  get pausedUntil(): number {
    return Math.max(this.#retryAt, this.#breaker.openUntil);
  }

  /**
   * Why the cloud is tried now and then only: it did not answer several times in a row, admitted nobody, or brought
   * nothing for another reason. Undefined while it is used.
   */
  get broken(): Break | undefined {
    return this.#breaker.open ? this.#brokenBy : undefined;
  }

  /** Somebody has reason to believe that the cloud is back. */
  news(now: number): void {
    this.#breaker.news(now);
  }

  /** The cloud wants to be left alone for a while, as it said to somebody else. */
  leaveAlone(ms: number, now: number): void {
    this.#retryAt = Math.max(this.#retryAt, now + Math.min(ms, LONGEST_RETRY_AFTER_MS));
  }

  /** When (epoch ms) a request of so many devices may leave; `now` or earlier if it may at once. */
  mayLeave(devices: number, now: number): number {
    const { devicesPerSecond } = this.#limits;
    const free =
      devicesPerSecond === undefined ? -Infinity : this.#ceiling.freeAt(devices, devicesPerSecond, now);
    return Math.max(this.pausedUntil, this.#slot, free);
  }

  /** A request leaves. */
  leaves(devices: number, now: number): Departure {
    this.#order += 1;
    const departure = { order: this.#order, at: now, devices, rate: this.#rate.perSecond };
    const heldBack = this.throttled && this.#isTight(now);
    this.#lump.leaves(departure, heldBack, this.#rate.holding, this.#window.usualMs);
    this.#rate.leaves(departure, heldBack, this.#window.usualMs, now);
    this.#window.leaves(devices, now);
    this.#breaker.leaves(this.#order);
    const { rate } = this;
    const madeUp = this.limited ? LATENESS_AT_CEILING_MS : LATENESS_MS;
    this.#slot =
      rate === Infinity ? -Infinity : Math.max(this.#slot, now - madeUp) + (devices / rate) * 1_000;
    this.#ceiling.left(devices, now);
    this.#underWay += 1;
    this.#devicesUnderWay += devices;
    return departure;
  }

  /** Whether it is the rate that holds requests back; if more is lost than is made up for, it is not tried by them. */
  #isTight(now: number): boolean {
    const gap = Math.min(now - this.#leftAt, SLACK_MS);
    const late = Math.min(Math.max(0, now - LATENESS_MS - this.#slot), gap);
    const keep = Math.exp(-gap / SLACK_MS);
    this.#time = this.#time * keep + gap;
    this.#slack = this.#slack * keep + late;
    this.#leftAt = now;
    return this.#slack <= this.#time * SLACK;
  }

  /** A request is under way no more. @param signal what is learnt from its end; undefined: nothing */
  ended(left: Departure, signal: PaceSignal | undefined, now: number): void {
    this.#underWay -= 1;
    this.#devicesUnderWay -= left.devices;
    switch (signal?.kind) {
      case undefined:
        return;
      case "answered":
        this.#answered(left, signal, now);
        return;
      case "throttled":
        this.#leaveAlone(now, signal.retryAfterMs);
        this.#notAdmitted(left, now);
        return;
      case "timedOut":
        this.#window.timedOut(left.devices);
        this.#brokeOff(left, now, "fault");
        return;
      case "tooLarge":
        this.#window.tooLarge(left.devices);
        return;
      case "unavailable":
        this.#leaveAlone(now, signal.retryAfterMs);
        this.#brokeOff(left, now, "fault", signal.hopeless);
        return;
    }
  }

  #answered(left: Departure, signal: Extract<PaceSignal, { kind: "answered" }>, now: number): void {
    if (signal.admitted > 0) this.#admitted.add(signal.admitted, now);
    for (const earlier of signal.proved ?? []) this.#refused({ ...earlier, devices: 0 }, 1, now);
    if (signal.barren && signal.refused > left.devices / 2) {
      this.#notAdmitted(left, now);
      return;
    }
    this.#refused(left, signal.refused, now);
    if (signal.barren) {
      this.#brokeOff(left, now, "nothing");
      return;
    }
    this.#breaker.succeeded();
    this.#window.answered(left.devices, signal.tookMs, signal.late, now);
  }

  /** Nobody was admitted. Of requests that left before the rate was cut that is no news. */
  #notAdmitted(left: Departure, now: number): void {
    const stale = this.#rate.isStale(left);
    this.#refused(left, left.devices, now);
    if (!stale) this.#brokeOff(left, now, "refusal");
  }

  #refused(left: Departure, refused: number, now: number): void {
    if (refused > 0 && this.#lump.blamed(left)) {
      this.#rate.charge(refused);
      return;
    }
    const knew = this.throttled;
    const { cuts } = this.#rate;
    this.#rate.learn(left, refused, now, this.#admitted.perSecond(now));
    if (this.#rate.cuts > cuts) this.#lump.cut();
    // What has left already counts: the next one leaves when the rate has room for it.
    if (this.throttled && !knew) this.#slot = now + 1_000 / this.rate;
  }

  #leaveAlone(now: number, askedMs: number | undefined): void {
    if (askedMs === undefined) return;
    const from = Math.max(now, this.#retryAt);
    this.leaveAlone(askedMs, now);
    if (this.#retryAt > from) this.#rate.paused((this.#retryAt - from) / 1_000);
  }

  #brokeOff(left: Departure, now: number, by: Break, hopeless = false): void {
    this.#brokenBy = by;
    const wasOpen = this.#breaker.open;
    this.#breaker.failed(left.order, now, hopeless);
    if (this.#breaker.open && !wasOpen) this.#window.refused(left.devices);
  }
}
