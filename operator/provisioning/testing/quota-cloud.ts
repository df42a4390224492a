import type { CertificateAnswer, DeprovisionAnswer, InteropTarget } from "../../../interop/caller/caller.ts";
import { InteropError, type InteropErrorReason } from "../../../interop/caller/errors.ts";
import { readRefusal, type Refusal } from "../../../interop/caller/refusal.ts";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Caller } from "../caller-port.ts";

export interface QuotaManners {
  /** Devices a second that are admitted; Infinity: all. */
  devicesPerSecond: number;
  /** Seconds' worth that may come at once; 0: each device, or request, must wait for its time. */
  burstSeconds: number;
  /**
   * How it refuses what is above: the request as a whole, before anything is done (429); or each device, with v1's
   * text, without a policy, or with a code.
   */
  refusal: "429" | "hidden" | "policy" | "code";
  retryAfterMs?: number | undefined;
  latencyMs: number;
  /** Latency varies by so much, either way: 0.2 is a fifth. */
  jitter: number;
  /** One after the other, as v1 does it. 0: all at once. */
  msPerDevice: number;
  /** It asks its registry for each device again after up to 500 and after up to 1000 ms, as AWS's SDK does. */
  asksAgain?: boolean;
  /** The gateway gives up; the function behind it goes on. */
  gatewayMs: number;
  /** Of our own callee: an answer is due by then, and what is not done then has the code OutOfTime. */
  answerWithinMs?: number | undefined;
  /** Never admitted, with the text of a busy cloud. */
  unwanted?: (ref: string) => boolean;
  /** Another client's devices a second, which it gets before anybody else. */
  others: number;
  /** Every request breaks. */
  dead?: boolean;
}

const MANNERS: QuotaManners = {
  devicesPerSecond: Infinity,
  burstSeconds: 1,
  refusal: "hidden",
  latencyMs: 20,
  jitter: 0,
  msPerDevice: 0,
  gatewayMs: 29_000,
  others: 0,
};

/** What reached a cloud, and what it did with it. */
export interface QuotaRequest {
  /** When it arrived, by the clock of the test. */
  readonly at: number;
  readonly devices: number;
}

/** A cloud on a clock of the test's own that admits so many devices a second, and counts. */
export class QuotaCloud implements Caller {
  readonly requests: QuotaRequest[] = [];
  /** When devices were admitted, each of them once. */
  readonly admissions: number[] = [];
  readonly timeouts: number[] = [];
  readonly devices = new Set<string>();
  readonly manners: QuotaManners;
  underWay = 0;
  mostUnderWay = 0;
  readonly #clock: Clock;
  readonly #random: () => number;
  #tokens: number;
  #filledAt: number;

  constructor(clock: Clock, manners: Partial<QuotaManners>, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.manners = { ...MANNERS, ...manners };
    this.#tokens = this.#most;
    this.#filledAt = clock.now();
  }

  /** Changes how it behaves from now on. */
  change(manners: Partial<QuotaManners>): void {
    this.#fill();
    Object.assign(this.manners, manners);
  }

  /** Devices that were sent in a span of time. */
  sentIn(from: number, to: number): number {
    return this.requests.reduce((sum, { at, devices }) => sum + (at >= from && at < to ? devices : 0), 0);
  }

  /** Devices that were admitted in a span of time. */
  admittedIn(from: number, to: number): number {
    return this.admissions.filter((at) => at >= from && at < to).length;
  }

  async provision(
    _target: InteropTarget,
    certs: readonly { ref: string }[],
    signal: AbortSignal,
  ): Promise<Map<string, CertificateAnswer>> {
    return this.#request(
      certs.map(({ ref }) => ref),
      (ref) => this.#letIn(ref),
      signal,
    );
  }

  async deprovision(
    _target: InteropTarget,
    certs: readonly { ref: string }[],
    signal: AbortSignal,
  ): Promise<Map<string, DeprovisionAnswer>> {
    return this.#request(
      certs.map(({ ref }) => ref),
      (ref) => this.#takeOut(ref),
      signal,
    );
  }

  async #request<T extends object>(
    refs: readonly string[],
    one: (ref: string) => T,
    signal: AbortSignal,
  ): Promise<Map<string, T | Refusal>> {
    this.underWay += refs.length;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      return await this.#answer(refs, one, signal);
    } finally {
      this.underWay -= refs.length;
    }
  }

  async #answer<T extends object>(
    refs: readonly string[],
    one: (ref: string) => T,
    signal: AbortSignal,
  ): Promise<Map<string, T | Refusal>> {
    const way = (this.manners.latencyMs / 2) * (1 + (2 * this.#random() - 1) * this.manners.jitter);
    await this.#clock.sleep(way, signal);
    this.requests.push({ at: this.#clock.now(), devices: refs.length });
    const { dead, refusal, retryAfterMs, gatewayMs } = this.manners;
    if (dead === true) {
      await this.#clock.sleep(way, signal);
      throw fault("ConnectionBroken");
    }
    if (refusal === "429" && !this.#take(refs.length)) {
      await this.#clock.sleep(way, signal);
      throw fault("Throttled", retryAfterMs);
    }
    const gateway = Promise.withResolvers<undefined>();
    const timer = this.#clock.setTimeout(() => gateway.resolve(undefined), gatewayMs - way);
    const answers = await Promise.race([this.#work(refs, one), gateway.promise]);
    timer.cancel();
    if (answers === undefined) this.timeouts.push(this.#clock.now());
    await this.#clock.sleep(way, signal);
    if (answers === undefined) throw fault("Timeout");
    return answers;
  }

  async #work<T extends object>(
    refs: readonly string[],
    one: (ref: string) => T,
  ): Promise<Map<string, T | Refusal>> {
    const { msPerDevice, asksAgain, answerWithinMs = Infinity } = this.manners;
    if (msPerDevice === 0 && asksAgain !== true) return new Map(refs.map((ref) => [ref, one(ref)]));
    const due = this.#clock.now() + answerWithinMs;
    const answers = new Map<string, T | Refusal>();
    for (const ref of refs) {
      if (this.#clock.now() + msPerDevice > due) {
        answers.set(ref, readRefusal({ message: "", code: "OutOfTime", retryable: true }));
        continue;
      }
      if (msPerDevice > 0) await this.#clock.sleep(msPerDevice);
      if (asksAgain === true) await this.#askAgain();
      answers.set(ref, one(ref));
    }
    return answers;
  }

  async #askAgain(): Promise<void> {
    for (const pause of [500, 1_000]) {
      this.#fill();
      if (this.#tokens >= 1) return;
      await this.#clock.sleep(this.#random() * pause);
    }
  }

  #letIn(ref: string): CertificateAnswer {
    const { refusal, unwanted } = this.manners;
    const refused = readRefusal({ message: ENTRY_MESSAGES.registrationFailed });
    if (unwanted?.(ref) === true) return refused;
    if (refusal !== "429" && !this.#take(1)) {
      if (refusal === "policy") return { outcome: "provisioned", policyApplied: false };
      if (refusal === "code") return readRefusal({ message: "", code: "Throttled", retryable: true });
      return refused;
    }
    if (!this.devices.has(ref)) this.admissions.push(this.#clock.now());
    this.devices.add(ref);
    return { outcome: "provisioned", policyApplied: true };
  }

  #takeOut(ref: string): DeprovisionAnswer {
    if (this.manners.refusal !== "429" && !this.#take(1)) {
      return readRefusal({ message: "", code: "Throttled", retryable: true });
    }
    if (this.devices.delete(ref)) this.admissions.push(this.#clock.now());
    return { outcome: "removed", wasThere: true };
  }

  get #most(): number {
    return Math.max(1, this.manners.devicesPerSecond * this.manners.burstSeconds);
  }

  #fill(): void {
    const now = this.#clock.now();
    const { devicesPerSecond, others } = this.manners;
    const earned = ((now - this.#filledAt) / 1_000) * Math.max(0, devicesPerSecond - others);
    this.#tokens = Math.min(this.#most, this.#tokens + earned);
    this.#filledAt = now;
  }

  #take(devices: number): boolean {
    if (this.manners.devicesPerSecond === Infinity) return true;
    this.#fill();
    // Where nothing may be saved up, a request is let in on credit, and the next when that is paid back.
    const needed = this.manners.burstSeconds === 0 ? Math.min(1, devices) : devices;
    if (this.#tokens < needed - 1e-6) return false;
    this.#tokens -= devices;
    return true;
  }
}

function fault(reason: InteropErrorReason, retryAfterMs?: number): InteropError {
  return new InteropError({
    reason,
    transient: true,
    retryAfterMs,
    message: `the cloud answers with ${reason}`,
  });
}
