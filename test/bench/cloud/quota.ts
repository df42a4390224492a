import type { Clock } from "../../../operator/runtime/clock.ts";

/** How a cloud with a quota stands to what is above it. */
export interface QuotaManners {
  /** Registrations that its registry takes. */
  readonly devicesPerSecond: number;
  /**
   * Above it, `429`: a request for whose devices there is no room is refused as a whole, before anything is done.
   * `hidden`: each device is asked for in turn, again after a pause as AWS's SDK does, and then fails with v1's
   * text in an answer of 200.
   */
  readonly refusal: "429" | "hidden";
  /** The callee works on the devices of a request one after the other. */
  readonly msPerDevice: number;
  /** The gateway gives up; the function behind it goes on. API Gateway: 29 s. */
  readonly gatewayMs: number;
}

export type QuotaAnswer =
  | { readonly status: 200; readonly letIn: readonly boolean[] }
  | { readonly status: 429 }
  | { readonly status: 504 };

/** AWS's SDK (v3, standard mode) tries three times in all, after up to 500 and up to 1000 ms where it was throttled. */
const SDK_PAUSES_MS = [500, 1_000];

/** A cloud that admits so many devices a second. A second's worth may come at once. */
export class QuotaCloud {
  readonly #manners: QuotaManners;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #letIn: (devices: number) => void;
  #tokens: number;
  #filledAt: number;

  /** @param letIn is told of each device at the moment it is let in */
  constructor(manners: QuotaManners, clock: Clock, random: () => number, letIn: (devices: number) => void) {
    this.#manners = manners;
    this.#clock = clock;
    this.#random = random;
    this.#letIn = letIn;
    this.#tokens = manners.devicesPerSecond;
    this.#filledAt = clock.now();
  }

  /** Answers one request of so many devices. */
  async answer(devices: number): Promise<QuotaAnswer> {
    const { refusal, gatewayMs } = this.#manners;
    if (refusal === "429" && !this.#take(devices)) return { status: 429 };
    const gateway = this.#deadline(gatewayMs);
    const done = this.#work(devices);
    const answer = await Promise.race([done, gateway.passed]);
    gateway.cancel();
    return answer === undefined ? { status: 504 } : { status: 200, letIn: answer };
  }

  async #work(devices: number): Promise<boolean[]> {
    const { refusal, msPerDevice } = this.#manners;
    const letIn: boolean[] = [];
    while (letIn.length < devices) {
      if (msPerDevice > 0) await this.#clock.sleep(msPerDevice);
      const taken = refusal === "429" || (await this.#takeOne());
      if (taken) this.#letIn(1);
      letIn.push(taken);
    }
    return letIn;
  }

  async #takeOne(): Promise<boolean> {
    for (const pause of SDK_PAUSES_MS) {
      if (this.#take(1)) return true;
      await this.#clock.sleep(Math.floor(this.#random() * pause));
    }
    return this.#take(1);
  }

  #take(devices: number): boolean {
    const { devicesPerSecond } = this.#manners;
    const now = this.#clock.now();
    const earned = ((now - this.#filledAt) / 1_000) * devicesPerSecond;
    this.#tokens = Math.min(devicesPerSecond, this.#tokens + earned);
    this.#filledAt = now;
    if (this.#tokens < devices) return false;
    this.#tokens -= devices;
    return true;
  }

  #deadline(ms: number): { passed: Promise<undefined>; cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#clock.setTimeout(() => resolve(undefined), ms);
    return { passed: promise, cancel: () => timer.cancel() };
  }
}
