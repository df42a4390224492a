import { AnswerTimes } from "./answer-times.ts";

/** Small enough for a quota of ten a second, of which a second's worth may come at once. */
const START_SIZE = 10;
const START_IN_FLIGHT = 2;
export const MOST_DEVICES = 250;
export const MOST_IN_FLIGHT = 128;
/** So many certificates under way take some 20 MB, and a second or less at the pace of a fast cloud. */
const MOST_UNDER_WAY = 4_000;
const SOUNDING_MS = 20_000;
/** What the devices of a request may add to the time of an answer. */
const COMFORTABLE_MS = 2_000;
const SLOW_MS = 5_000;
/** API Gateway cuts an answer off at 29 s (its documented integration timeout); half of that is near enough. */
const TOO_SLOW_MS = 14_000;
/** How many seconds' worth may be under way, by what comes through at present: well within the 29 s. */
const SECONDS_UNDER_WAY = 15;

/**
 * How many devices a request carries and how many are under way, found from how long answers take: both grow
 * while answers come quickly, and shrink when they come slowly. What a request takes with hardly a device in it
 * is the distance to the cloud, which no size mends.
 */
export class Window {
  #size = START_SIZE;
  #inFlight = START_IN_FLIGHT;
  readonly #times = new AnswerTimes();
  #soundingDue = false;
  #soundedAt = Infinity;
  /** What a device adds to an answer, in milliseconds. */
  #each = 0;
  /** What answers take as a rule: falls at once, rises slowly, so that a queue is not taken for distance. */
  #usual = 0;

  /** Devices that a request may carry. Now and then it is one, for how far away the cloud is shows in no other. */
  get size(): number {
    return this.#soundingDue ? 1 : Math.max(1, Math.floor(this.#size));
  }

  /** A request leaves. */
  leaves(devices: number, now: number): void {
    if (devices === 1 || this.#soundedAt === Infinity) this.#soundedAt = now;
    this.#soundingDue = now - this.#soundedAt > SOUNDING_MS;
  }

  /** Devices that add no more than a second to an answer: where a rate is found, it must be told soon how it fares. */
  get promptSize(): number {
    return Math.max(1, Math.floor(1_000 / Math.max(1, this.#each)));
  }

  /** Requests that may be under way while no rate is known. */
  get inFlight(): number {
    return Math.max(1, Math.floor(this.#inFlight));
  }

  /** Milliseconds that an answer for so many devices takes where nothing is in the way; 0 before the first. */
  freeMs(devices: number): number {
    return this.#times.quickMs(devices) ?? this.#usual;
  }

  /** Milliseconds that an answer takes as a rule; 0 before the first. */
  get usualMs(): number {
    return this.#usual;
  }

  /** Devices that may be under way. @param perSecond what comes through at present */
  mostUnderWay(perSecond: number): number {
    const grown = START_SIZE * START_IN_FLIGHT;
    return Math.min(MOST_UNDER_WAY, Math.max(grown, this.#size, perSecond * SECONDS_UNDER_WAY));
  }

  /** An answer came. @param late devices that the callee had no time for */
  answered(devices: number, tookMs: number, late: number, now: number): void {
    this.#times.add(devices, tookMs, now);
    const added = tookMs - this.#times.bestMs;
    this.#each += (added / devices - this.#each) * 0.1;
    this.#usual =
      this.#usual === 0 ? tookMs : this.#usual + (tookMs - this.#usual) * (tookMs < this.#usual ? 0.2 : 0.05);
    if (late > 0) {
      this.#size = Math.max(1, Math.min(this.#size, (devices - late) * 0.9));
      return;
    }
    if (added > SLOW_MS || tookMs > TOO_SLOW_MS) this.#shrink(devices);
    else if (added < COMFORTABLE_MS && tookMs < TOO_SLOW_MS * 0.8) this.#grow(devices, added);
  }

  /** No answer came in time. */
  timedOut(devices: number): void {
    // It would have taken six times what is comfortable, at least.
    this.#size = Math.max(1, Math.min(this.#size, devices / 6));
    this.#inFlight = Math.max(1, this.#inFlight / 2);
  }

  /** The request was more than the callee takes. */
  tooLarge(devices: number): void {
    this.#size = Math.max(1, devices / 2);
  }

  /** Nobody of a request was let in: whatever it is, less at once is no worse. */
  refused(devices: number): void {
    this.#size = Math.max(1, Math.min(this.#size, devices / 2));
    this.#inFlight = START_IN_FLIGHT;
  }

  #grow(devices: number, addedMs: number): void {
    const quick = addedMs < COMFORTABLE_MS / 2;
    if (devices >= Math.floor(this.#size))
      this.#size = Math.min(MOST_DEVICES, this.#size * (quick ? 2 : 1.3));
    this.#inFlight = Math.min(MOST_IN_FLIGHT, this.#inFlight + (this.#inFlight < 8 ? 1 : 0.5));
  }

  #shrink(devices: number): void {
    if (devices > 2) this.#size = Math.max(1, Math.min(this.#size, devices * 0.7));
    else this.#inFlight = Math.max(1, this.#inFlight * 0.7);
  }
}
