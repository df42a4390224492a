import type {
  CertificateAnswer,
  DeprovisionAnswer,
  InteropTarget,
  StatusAnswer,
} from "../../../interop/caller/caller.ts";
import { InteropError } from "../../../interop/caller/errors.ts";
import { readRefusal } from "../../../interop/caller/refusal.ts";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Caller, StatusCaller } from "../caller-port.ts";

/** One request as it reached the cloud. */
export interface CloudRequest {
  readonly action: "provision" | "deprovision" | "status";
  readonly refs: readonly string[];
  /** By the clock of the test. */
  readonly at: number;
  readonly answered: boolean;
}

export interface SimulatedManners {
  /** Before each answer. */
  latencyMs?: number;
  msPerDevice?: number;
  /** A request that takes longer is given up, as the caller does. */
  deadlineMs?: number;
  /** What is above this rate fails with v1's text; a second's worth may come at once. */
  devicesPerSecond?: number;
  /** These are refused with this text, always. */
  refuse?: { refs: ReadonlySet<string>; message: string };
  /** A request that holds one of these ends with a server error. */
  deadly?: ReadonlySet<string>;
  /** Does the work and answers nothing, for these or for whole requests. */
  leaveOut?: ReadonlySet<string>;
  loseAnswers?: boolean;
  /** Lets devices in, but attaches no policy to them. */
  withoutPolicy?: boolean;
  /** A request that holds one of these is not taken at all. */
  unacceptable?: ReadonlySet<string>;
  throttle?: { retryAfterMs?: number };
  /** These are known, and not let in. */
  inactive?: ReadonlySet<string>;
}

/** A product cloud on a clock of the test's own: for what takes minutes, and for what must come out the same each time. */
export class SimulatedCloud implements Caller, StatusCaller {
  readonly requests: CloudRequest[] = [];
  readonly devices = new Map<string, number>();
  manners: SimulatedManners;
  inFlight = 0;
  maxInFlight = 0;
  readonly #clock: Clock;
  #tokens = Number.POSITIVE_INFINITY;
  #filledAt: number;

  constructor(clock: Clock, manners: SimulatedManners = {}) {
    this.#clock = clock;
    this.#filledAt = clock.now();
    this.manners = { latencyMs: 20, ...manners };
  }

  /** How often a ref was sent. */
  times(ref: string): number {
    return this.requests.reduce((sum, { refs }) => sum + (refs.includes(ref) ? 1 : 0), 0);
  }

  /** What may come at once is used up. */
  exhaust(): void {
    this.#tokens = 0;
  }

  async provision(
    _target: InteropTarget,
    certs: readonly { ref: string; der: Uint8Array }[],
    signal: AbortSignal,
  ): Promise<Map<string, CertificateAnswer>> {
    return this.#request("provision", certs, signal, (ref) => this.#take(ref));
  }

  async deprovision(
    _target: InteropTarget,
    certs: readonly { ref: string; der: Uint8Array }[],
    signal: AbortSignal,
  ): Promise<Map<string, DeprovisionAnswer>> {
    return this.#request("deprovision", certs, signal, (ref) => this.#remove(ref));
  }

  async status(
    _target: InteropTarget,
    certs: readonly { ref: string; der: Uint8Array }[],
    signal: AbortSignal,
  ): Promise<Map<string, StatusAnswer>> {
    return this.#request("status", certs, signal, (ref) => this.#stand(ref));
  }

  async #request<T>(
    action: CloudRequest["action"],
    certs: readonly { ref: string }[],
    signal: AbortSignal,
    one: (ref: string) => T,
  ): Promise<Map<string, T>> {
    const { latencyMs = 0, msPerDevice = 0, deadlineMs = 32_000 } = this.manners;
    const { deadly, leaveOut, loseAnswers, throttle, unacceptable } = this.manners;
    const refs = certs.map(({ ref }) => ref);
    const took = latencyMs + msPerDevice * certs.length;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    this.requests.push({ action, refs, at: this.#clock.now(), answered: took <= deadlineMs });
    try {
      await this.#clock.sleep(Math.min(took, deadlineMs), signal);
    } finally {
      this.inFlight -= 1;
    }
    if (took > deadlineMs) throw fault("Timeout");
    if (throttle !== undefined) throw fault("Throttled", throttle.retryAfterMs);
    if (refs.some((ref) => deadly?.has(ref) === true)) throw fault("ServerError");
    if (refs.some((ref) => unacceptable?.has(ref) === true)) throw fault("BadRequest");
    const answers = refs.map((ref): [string, T] => [ref, one(ref)]);
    if (loseAnswers === true) throw fault("ConnectionBroken");
    return new Map(answers.filter(([ref]) => leaveOut?.has(ref) !== true));
  }

  #take(ref: string): CertificateAnswer {
    const { refuse } = this.manners;
    if (refuse?.refs.has(ref) === true) return readRefusal({ message: refuse.message });
    if (!this.#admits()) return readRefusal({ message: ENTRY_MESSAGES.registrationFailed });
    this.devices.set(ref, (this.devices.get(ref) ?? 0) + 1);
    return { outcome: "provisioned", policyApplied: this.manners.withoutPolicy !== true };
  }

  #stand(ref: string): StatusAnswer {
    const { refuse, inactive } = this.manners;
    if (refuse?.refs.has(ref) === true) return readRefusal({ message: refuse.message });
    if (!this.#admits()) return readRefusal({ message: "", code: "Throttled", retryable: true });
    const present = this.devices.has(ref);
    const active = present && inactive?.has(ref) !== true;
    const stands = { present, active, attached: present, policyApplied: present };
    return { outcome: "known", ...stands, differs: active ? [] : [present ? "Inactive" : "Missing"] };
  }

  #remove(ref: string): DeprovisionAnswer {
    const { refuse } = this.manners;
    if (refuse?.refs.has(ref) === true) return readRefusal({ message: refuse.message });
    if (!this.#admits()) return readRefusal({ message: "", code: "Throttled", retryable: true });
    return { outcome: "removed", wasThere: this.devices.delete(ref) };
  }

  #admits(): boolean {
    const rate = this.manners.devicesPerSecond;
    if (rate === undefined) return true;
    const now = this.#clock.now();
    this.#tokens = Math.min(rate, this.#tokens + ((now - this.#filledAt) / 1_000) * rate);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

function fault(
  reason: "Timeout" | "ServerError" | "Throttled" | "ConnectionBroken" | "BadRequest",
  retryAfterMs?: number,
): InteropError {
  return new InteropError({
    reason,
    transient: reason !== "BadRequest",
    retryAfterMs,
    message: `the cloud answers with ${reason}`,
  });
}
