/** So far below what the cloud is thought to admit is the rate at which there is no refusal to be expected. */
const MARGIN = 0.015;
/** Devices that may be refused for each that is sent, when the rate is tried upwards. */
const BUDGET = 0.01;
const SHORTEST_HOLD_S = 15;
const LONGEST_HOLD_S = 300;
/** The curve: the rate is this much above the estimate `SCALE_S` seconds after it reached it, then ever faster. */
const STEEPNESS = 0.02;
const SCALE_S = 15;
/** Before anything is certain, quicker. */
const FIRST_SCALE_S = 5;
/** So far above the estimate, it is none any more: the rate is doubled until something is refused. */
const OBSOLETE = 1.3;
const DOUBLING_S = 3;
/** By so much a search is past the limit, at a cloud that lets a second's worth come at once. */
const OVERSHOT = 0.3;
/** A larger share of refusals is no touch of the limit but another limit. */
const TOUCH = 0.08;
/** An even larger one tells little more than that it is far off. */
const VAGUE = 0.4;
/** Seconds' worth of devices without a refusal after which a refusal is news. */
const SETTLED_S = 10;
/** And after which something else may be tried. */
const CALM_S = 5;
/** After so long, and so many devices, the share of refusals is told. */
const SAMPLE_S = 2;
const SAMPLE = 10;
const SLOWEST = 0.2;
/** What came through in ten seconds may hold a second's worth that came at once. */
const SURELY_ADMITTED = 0.95;
/** What left before a cut is felt for so long after it. */
const WAKE_S = 1;
/**
 * A cloud that lets some come at once refuses later than the rate is past its limit. By how much is learnt: the
 * estimate is this share of the rate at which nothing was refused, less where refusals go on, more where they do not.
 */
const FIRST_RATIO = 0.985;
const LEAST_RATIO = 0.85;
const RATIO_DOWN = 0.02;
const RATIO_UP = 0.01;
/** An estimate that is no further from one that held is that one again. */
const FAMILIAR = 0.1;
const IDLE_MS = 10 * 60_000;
/** While no rate is known, a smaller share of refusals may be some devices' own fault. */
const TELLING_SHARE = 0.2;
/** Unless that goes on for so long, in which the refused were asked for again. */
const TELLING_MS = 10_000;
const TELLING_REFUSALS = 20;
/** How much of a request counts still when the next one is answered. */
const MEMORY = 0.75;

/** A request as it left. */
export interface Departure {
  /** Counts the requests of a lane. */
  readonly order: number;
  /** Epoch ms. */
  readonly at: number;
  readonly devices: number;
  /** The rate that held when it left. */
  readonly rate: number;
}

/**
 * Finds how many devices a second a cloud admits, from what it refuses.
 *
 * A first refusal is a touch of the limit: the rate goes back to what went well before, less a little. Where
 * refusals go on at that rate, the limit is another one now, and the share that is refused says which. Upwards it
 * follows a cubic curve, as TCP CUBIC does: quickly back to near the estimate, gently across it, then ever faster.
 * What a try costs in refusals is paid for with time at a rate that costs none, before the next try.
 */
export class Rate {
  /** How often it was cut. */
  cuts = 0;
  #rate = Infinity;
  #peak = 0;
  #scale = SCALE_S;
  #rise = FIRST_SCALE_S;
  /** Seconds that an answer takes. */
  #lagS = 0;
  #elapsed = 0;
  /** Seconds after which the curve reaches the peak. */
  #knee = 0;
  #searching = false;
  /** The estimate may be far off: it is not kept to. */
  #vague = false;
  /** Seconds to be spent below the peak before the next try. */
  #debt = 0;
  #charging = false;
  /** The cloud names times for which it wants to be left alone: to find its limit by going past it is dear. */
  #cautious = false;
  #advancedAt = -Infinity;
  #cutAt = -Infinity;
  /** The last request that left before that. */
  #cutAfter = -Infinity;
  #lastLeft = -Infinity;
  /** Devices since the last cut: that left, that were answered, and that were refused. */
  #departed = 0;
  #sent = 0;
  #refused = 0;
  /** Of these, the most of one request. */
  #largest = 0;
  #ratio = FIRST_RATIO;
  /** The last touch came of a slow rise: what follows says whether the ratio is right. */
  #steady = false;
  /** The last estimate that held for a while. */
  #trusted = 0;
  /** How often in a row the limit was touched and went on being so. */
  #touches = 0;
  #settled = true;
  /** The highest rate at which a request left, since the last cut, of which nothing was refused. */
  #clean = 0;
  #lately = { sent: 0, refused: 0 };
  #overall = { sent: 0, refused: 0, since: -Infinity };

  /** Devices a second; Infinity while nothing tells. */
  get perSecond(): number {
    return this.#rate;
  }

  /** Whether the rate is kept below the estimate, without refusals so far: what is refused then is not for the rate. */
  get holding(): boolean {
    return (
      this.#debt > 0 &&
      !this.#vague &&
      this.#refused === 0 &&
      (this.#settled || this.#sent > this.#rate * CALM_S)
    );
  }

  /** A request leaves. @param heldBack it had to wait for its time, so that it tries the rate */
  leaves({ order, devices }: Departure, heldBack: boolean, lagMs: number, now: number): void {
    this.#lastLeft = order;
    this.#lagS = lagMs / 1_000;
    this.#departed += devices;
    if (this.#rate === Infinity || !heldBack) return;
    if (now - this.#advancedAt > IDLE_MS && this.#advancedAt > 0) this.#doubt();
    this.#advancedAt = now;
    const seconds = devices / this.#rate;
    // What is not known to go well is not gone beyond.
    if (this.#refused > 0 || (this.#sent === 0 && !this.#settled)) return;
    if (this.#searching) {
      this.#rate *= 2 ** (seconds / Math.max(DOUBLING_S, 1.2 * this.#lagS));
    } else if (this.#debt > 0 && !this.#vague && this.#rate >= this.#peak * (1 - MARGIN - 1e-9)) {
      this.#debt -= seconds;
    } else {
      this.#elapsed += seconds;
      const scale = this.#elapsed < this.#knee ? this.#rise : this.#scale;
      this.#rate = Math.max(
        SLOWEST,
        this.#peak * (1 + STEEPNESS * ((this.#elapsed - this.#knee) / scale) ** 3),
      );
      this.#searching = this.#rate > this.#peak * OBSOLETE;
    }
  }

  /**
   * Learns what became of a request.
   * @param refused devices that the cloud had no room for
   * @param admitted devices a second that came through of late
   */
  learn(left: Departure, refused: number, now: number, admitted: number): void {
    if (this.#rate === Infinity) {
      this.#learnFirst(left, refused, now, admitted);
      return;
    }
    if (refused > 0 && this.#charging) this.charge(refused);
    if (this.isStale(left)) return;
    this.#sent += left.devices;
    this.#refused += refused;
    this.#largest = Math.max(this.#largest, refused);
    if (refused === 0 && left.rate < Infinity) this.#clean = Math.max(this.#clean, left.rate);
    if (this.#refused === 0) {
      if (this.#sent < this.#rate * SETTLED_S) return;
      if (!this.#settled && !this.#vague) {
        this.#trusted = this.#peak;
        if (this.#touches === 1 && this.#steady) this.#ratio = Math.min(1, this.#ratio + RATIO_UP);
      }
      this.#settled = true;
      this.#touches = 0;
      this.#departed = 0;
      this.#sent = 0;
    } else if (this.#settled) {
      this.#touched(now, admitted);
    } else if (now - this.#cutAt >= SAMPLE_S * 1_000 && this.#sent >= SAMPLE) {
      const share = this.#refused / this.#sent;
      // One request alone is no share: the next refusal may be far off.
      if (share - this.#largest / this.#sent < TOUCH) this.#touched(now, admitted);
      else this.#missed(Math.min(share, 0.9), now, admitted);
    }
  }

  /** Whether a request left before the rate was cut last, or in the wake of such: it says nothing about the rate since. */
  isStale({ order, at }: Departure): boolean {
    return order <= this.#cutAfter || at < this.#cutAt + Math.min(this.#lagS, WAKE_S) * 1_000;
  }

  /** The cloud wants to be left alone for a while. */
  paused(seconds: number): void {
    this.#cautious = true;
    if (this.#rate < Infinity) this.charge(seconds * this.#rate);
  }

  /** Puts down what a try cost, in devices that were not admitted. */
  charge(devices: number): void {
    if (this.#rate === Infinity) return;
    const known = Math.abs(this.#peak - this.#trusted) < this.#trusted * FAMILIAR;
    const longest = known ? LONGEST_HOLD_S : SHORTEST_HOLD_S;
    this.#debt = Math.min(longest, this.#debt + devices / (BUDGET * this.#rate));
  }

  #learnFirst({ devices }: Departure, refused: number, now: number, admitted: number): void {
    const { sent, refused: before } = this.#lately;
    this.#lately = { sent: sent * MEMORY + devices, refused: before * MEMORY + refused };
    this.#overall.sent += devices;
    if (refused === 0) return;
    if (this.#overall.since === -Infinity) this.#overall = { sent: devices, refused: 0, since: now };
    this.#overall.refused += refused;
    const clearly = this.#lately.refused >= this.#lately.sent * TELLING_SHARE;
    const steadily =
      now - this.#overall.since > TELLING_MS &&
      this.#overall.refused >= Math.max(TELLING_REFUSALS, this.#overall.sent * BUDGET);
    // Where nothing at all got in, pauses are the brake: a rate would be a guess.
    if (!(clearly || steadily) || admitted === 0) return;
    this.#settle(Math.max(SLOWEST, admitted), 0, now, true);
    this.#searching = !this.#cautious;
    this.#charging = false;
    this.#advancedAt = now;
  }

  /** A few were refused: the rate is a little more than the cloud admits. */
  #touched(now: number, admitted: number): void {
    const clean = this.#clean > 0 ? Math.min(this.#clean, this.#rate) : this.#rate;
    const refused = this.#charging ? 0 : this.#refused;
    const first = this.#touches === 0;
    const far = this.#searching;
    let estimate = clean * this.#ratio;
    let below = far ? OVERSHOT : this.#vague ? OVERSHOT / 2 : MARGIN;
    if (!first) {
      // It went on at less, so that was no estimate.
      const less = this.#rate * (1 - MARGIN * 2 ** Math.min(this.#touches - 1, 4));
      // What comes through is admitted, after all.
      estimate = Math.max(less, Math.min(this.#rate * (1 - MARGIN), admitted));
      below = MARGIN;
      if (this.#touches === 1 && this.#steady) this.#ratio = Math.max(LEAST_RATIO, this.#ratio - RATIO_DOWN);
    }
    if (this.#trusted === 0) {
      // Nothing has held so far: the first rate was set by answers that had only begun to come, and what is refused
      // soon after it may be for what was sent before there was a rate.
      const most = first ? Infinity : this.#peak * (1 - MARGIN);
      estimate = Math.max(estimate, Math.min(most, admitted * SURELY_ADMITTED));
    }
    this.#steady = first && !far && !this.#vague;
    this.#touches += 1;
    this.#settle(estimate, below, now, false);
    this.#charging = true;
    this.charge(Math.max(refused, this.#rate * BUDGET * SHORTEST_HOLD_S));
  }

  /** Many were refused: the cloud admits much less, or the rate was far beyond what it admits. */
  #missed(share: number, now: number, admitted: number): void {
    const before = this.#rate;
    // A refusal comes sooner than the answer of a request that is worked on: of those that are under way still, more
    // are admitted than refused.
    const unclear = this.#departed > 2 * this.#sent;
    const least = unclear ? Math.min(before * (1 - MARGIN), admitted * 0.9) : 0;
    const estimate = Math.max(least, before * (1 - share));
    this.#touches += 1;
    if (this.#trusted > 0 && Math.abs(estimate - this.#trusted) < this.#trusted * FAMILIAR) {
      if (this.#steady) this.#ratio = Math.max(LEAST_RATIO, this.#ratio - 2 * RATIO_DOWN);
      this.#steady = false;
      this.#settle(estimate, MARGIN, now, false);
      return;
    }
    const peak = share > VAGUE ? estimate : Math.min(before, estimate * 1.25);
    this.#settle(peak, 1 - (estimate * 0.97) / peak, now, true);
    // The cloud is not what it was, so nothing that was tried before matters.
    this.#debt = 0;
    this.#charging = false;
  }

  /** Goes on from `peak` less a share of it. @param vague it may be far off */
  #settle(peak: number, below: number, now: number, vague: boolean): void {
    this.cuts += 1;
    this.#vague = vague;
    this.#peak = peak;
    this.#rate = Math.max(SLOWEST, peak * (1 - below));
    this.#rise = Math.max(FIRST_SCALE_S, 2 * this.#lagS);
    this.#scale = vague ? this.#rise : Math.max(SCALE_S, 5 * this.#lagS);
    this.#knee = this.#rise * Math.cbrt(below / STEEPNESS);
    this.#elapsed = 0;
    this.#searching = false;
    this.#cutAt = now;
    this.#cutAfter = this.#lastLeft;
    this.#departed = 0;
    this.#sent = 0;
    this.#refused = 0;
    this.#largest = 0;
    this.#settled = false;
    this.#clean = 0;
  }

  /** What was learnt long ago may hold no more. */
  #doubt(): void {
    this.#vague = true;
    this.#peak = this.#rate;
    this.#scale = Math.max(FIRST_SCALE_S, 2 * this.#lagS);
    this.#elapsed = 0;
    this.#knee = 0;
    this.#debt = 0;
    this.#searching = false;
  }
}
