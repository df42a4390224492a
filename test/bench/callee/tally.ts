import { originOf } from "../reels/certificates.ts";

/** What came to a callee, as it tells it. */
export interface Tallied {
  readonly requests: number;
  /** Devices in all requests. */
  readonly devices: number;
  /** Different devices. */
  readonly distinct: number;
  /** Devices that came and had come before. */
  readonly sentAgain: number;
  /** Devices that were let in, each time. */
  readonly letIn: number;
  /** Whole requests that were refused with 429, and those that the gateway gave up. */
  readonly throttledRequests: number;
  readonly timedOutRequests: number;
  /** The most requests, and devices in them, that were under way at once. */
  readonly mostRequestsUnderWay: number;
  readonly mostDevicesUnderWay: number;
  readonly devicesUnderWay: number;
  /** Milliseconds since the epoch; 0 before the first and the last. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Devices that were let in within the second up to `lastAt`. */
  readonly lastSecond: number;
  /** By second since the first request: what came, what of it had come before, what was let in, requests timed out. */
  readonly seconds: readonly TalliedSecond[];
}

export interface TalliedSecond {
  came: number;
  again: number;
  letIn: number;
  timedOut: number;
}

/** Counts what comes to a callee, at a cost of some ten nanoseconds a device. */
export class Tally {
  readonly #now: () => number;
  #requests = 0;
  #devices = 0;
  #distinct = 0;
  #letIn = 0;
  #throttled = 0;
  #timedOut = 0;
  #underWay = 0;
  #devicesUnderWay = 0;
  #mostRequests = 0;
  #mostDevices = 0;
  #firstAt = 0;
  #lastAt = 0;
  #seconds: TalliedSecond[] = [];
  /** What was let in of late, the oldest first. */
  #recent: { readonly at: number; readonly devices: number }[] = [];
  /** A bit for each device that came, by reel. */
  readonly #seen = new Map<string, Uint8Array>();

  constructor(now: () => number) {
    this.#now = now;
  }

  came(refs: readonly string[]): void {
    const now = this.#now();
    if (this.#requests === 0) this.#firstAt = now;
    this.#requests += 1;
    this.#devices += refs.length;
    this.#underWay += 1;
    this.#devicesUnderWay += refs.length;
    this.#mostRequests = Math.max(this.#mostRequests, this.#underWay);
    this.#mostDevices = Math.max(this.#mostDevices, this.#devicesUnderWay);
    let fresh = 0;
    for (const ref of refs) if (this.#isNew(ref)) fresh += 1;
    this.#distinct += fresh;
    const second = this.#second(now);
    second.came += refs.length;
    second.again += refs.length - fresh;
  }

  /** A request has been answered, or given up. */
  ended(devices: number, how: "answered" | "throttled" | "timedOut"): void {
    this.#underWay -= 1;
    this.#devicesUnderWay -= devices;
    if (how === "throttled") this.#throttled += 1;
    if (how === "timedOut") {
      this.#timedOut += 1;
      this.#second(this.#now()).timedOut += 1;
    }
  }

  letIn(devices: number): void {
    this.#lastAt = this.#now();
    this.#letIn += devices;
    this.#second(this.#lastAt).letIn += devices;
    this.#recent.push({ at: this.#lastAt, devices });
    const since = this.#lastAt - 1_000;
    const kept = this.#recent.findIndex(({ at }) => at > since);
    if (kept > 0) this.#recent.splice(0, kept);
  }

  figures(): Tallied {
    return {
      requests: this.#requests,
      devices: this.#devices,
      distinct: this.#distinct,
      sentAgain: this.#devices - this.#distinct,
      letIn: this.#letIn,
      throttledRequests: this.#throttled,
      timedOutRequests: this.#timedOut,
      mostRequestsUnderWay: this.#mostRequests,
      mostDevicesUnderWay: this.#mostDevices,
      devicesUnderWay: this.#devicesUnderWay,
      firstAt: this.#firstAt,
      lastAt: this.#lastAt,
      lastSecond: this.#recent.reduce((sum, { devices }) => sum + devices, 0),
      seconds: this.#seconds,
    };
  }

  #second(now: number): TalliedSecond {
    const at = Math.max(0, Math.floor((now - this.#firstAt) / 1_000));
    for (let last = this.#seconds.length; last <= at; last += 1) {
      this.#seconds.push({ came: 0, again: 0, letIn: 0, timedOut: 0 });
    }
    const second = this.#seconds[at];
    if (second === undefined) throw new Error(`there is no second ${at}`);
    return second;
  }

  #isNew(ref: string): boolean {
    const origin = originOf(ref);
    if (origin === undefined) throw new Error("a device of another make came to the benchmark's callee");
    const { reel, ordinal } = origin;
    const at = ordinal >>> 3;
    let bits = this.#seen.get(reel);
    if (bits === undefined || at >= bits.length) {
      const grown = new Uint8Array(Math.max(at + 1, (bits?.length ?? 4_096) * 2));
      if (bits !== undefined) grown.set(bits);
      this.#seen.set(reel, grown);
      bits = grown;
    }
    const bit = 1 << (ordinal & 7);
    const byte = bits[at] ?? 0;
    if ((byte & bit) !== 0) return false;
    bits[at] = byte | bit;
    return true;
  }
}
