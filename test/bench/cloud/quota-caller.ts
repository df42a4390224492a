import type {
  CertificateAnswer,
  DeprovisionAnswer,
  InteropTarget,
  OutgoingCertificate,
} from "../../../interop/caller/caller.ts";
import { InteropError } from "../../../interop/caller/errors.ts";
import { readRefusal } from "../../../interop/caller/refusal.ts";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import type { Caller } from "../../../operator/provisioning/caller-port.ts";
import type { Clock } from "../../../operator/runtime/clock.ts";
import { Tally } from "../callee/tally.ts";
import { QuotaCloud, type QuotaManners } from "./quota.ts";

/** A cloud with a quota behind the ferry's port, on any clock: what a caller would make of its answers. */
export class QuotaCaller implements Caller {
  readonly tally: Tally;
  readonly #cloud: QuotaCloud;
  readonly #clock: Clock;
  readonly #latencyMs: number;

  constructor(manners: QuotaManners, clock: Clock, random: () => number, latencyMs = 20) {
    this.tally = new Tally(() => clock.now());
    this.#cloud = new QuotaCloud(manners, clock, random, (devices) => this.tally.letIn(devices));
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  async provision(
    _target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
  ): Promise<Map<string, CertificateAnswer>> {
    this.tally.came(certs.map(({ ref }) => ref));
    await this.#clock.sleep(this.#latencyMs, signal);
    const answer = await this.#cloud.answer(certs.length);
    if (answer.status === 429) {
      this.tally.ended(certs.length, "throttled");
      throw new InteropError({ reason: "Throttled", transient: true, httpStatus: 429, message: "429" });
    }
    if (answer.status === 504) {
      this.tally.ended(certs.length, "timedOut");
      throw new InteropError({ reason: "Timeout", transient: true, httpStatus: 504, message: "504" });
    }
    this.tally.ended(certs.length, "answered");
    return new Map(
      certs.map(({ ref }, at) => [
        ref,
        answer.letIn[at] === true
          ? { outcome: "provisioned", policyApplied: true }
          : readRefusal({ message: ENTRY_MESSAGES.registrationFailed }),
      ]),
    );
  }

  deprovision(): Promise<Map<string, DeprovisionAnswer>> {
    return Promise.reject(new Error("nobody is taken out here"));
  }
}
