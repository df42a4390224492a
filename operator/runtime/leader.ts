import { ApiError, isAlreadyExists, isConflict, isNotFound } from "./api-error.ts";
import type { KubeClient, ResourceClient } from "./client.ts";
import { monotonic, systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { sameJson } from "./json.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import { formatMicroTime } from "./times.ts";

/** coordination.k8s.io/v1 LeaseSpec. The times are V1MicroTime: RFC 3339 with exactly six digits of a second. */
export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

export const LEASE: ResourceKind = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

/** The lease could not be renewed in time, or another holds it: whoever led must stop at once. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

export interface LeaderElectorOptions {
  client: Pick<KubeClient, "resource">;
  namespace: string;
  name: string;
  /** Of this process; no two may share it, restarts included. */
  identity: string;
  /** How long others wait after the last renewal that they saw. */
  leaseDurationMs?: number;
  /** How long the holder tries to renew before it gives up. Shorter than the lease. */
  renewDeadlineMs?: number;
  /** Between tries. */
  retryPeriodMs?: number;
  clock?: Clock;
  log?: Logger;
  random?: () => number;
}

/** client-go's: tries to acquire are spread over up to this many times the retry period more. */
const JITTER = 1.2;
/** How long the release of the lease may take when stopping. */
const RELEASE_MS = 3_000;

/**
 * Elects one leader among processes by a Lease, as client-go does: times are measured on the local monotonic
 * clock from when a renewal was seen, so that clocks may differ between processes; only their rates must agree.
 * Source: k8s.io/client-go/tools/leaderelection.
 */
export class LeaderElector {
  readonly #o: Required<Omit<LeaderElectorOptions, "client">>;
  readonly #leases: ResourceClient<Lease>;
  readonly #log: Logger;
  /** The lease as last read or written, and when that was on our clock. */
  #observed: { readonly lease: Lease; readonly at: number } | undefined;
  /** The lease as we wrote it last. */
  #written: Lease | undefined;
  /** When the try began that renewed the lease last. */
  #renewedAt: number | undefined;
  #leading = false;
  /** A request has been sent that may make us the holder. */
  #claiming = false;

  constructor(o: LeaderElectorOptions) {
    const { client, ...rest } = o;
    this.#o = {
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryPeriodMs: 2_000,
      clock: systemClock,
      log: silentLogger,
      random: Math.random,
      ...rest,
    };
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs, identity } = this.#o;
    if (
      !(leaseDurationMs > renewDeadlineMs && renewDeadlineMs > JITTER * retryPeriodMs && retryPeriodMs > 0)
    ) {
      throw new Error(
        `leader election needs leaseDuration (${leaseDurationMs} ms) > renewDeadline (${renewDeadlineMs} ms) > ${JITTER} × retryPeriod (${retryPeriodMs} ms)`,
      );
    }
    if (identity === "") throw new Error("leader election needs an identity that is not empty");
    this.#leases = client.resource<Lease>(LEASE);
    this.#log = this.#o.log.child({ lease: `${this.#o.namespace}/${this.#o.name}`, identity });
  }

  /** Whether the lease is held, as far as this process knows. For what must not be done twice, ask renewedWithin. */
  get leading(): boolean {
    return this.#leading;
  }

  get leaseDurationMs(): number {
    return this.#o.leaseDurationMs;
  }

  /** Who holds the lease, as last seen; undefined when nobody does. */
  get holder(): string | undefined {
    return this.#observed?.lease.spec?.holderIdentity || undefined;
  }

  /**
   * Whether the lease is held and was renewed at most so many milliseconds ago. True after a pause of this process
   * only when the lease is still good, even when no timer has fired yet.
   */
  renewedWithin(ms: number): boolean {
    return this.#leading && this.#renewedAt !== undefined && this.#now() - this.#renewedAt <= ms;
  }

  /**
   * Waits for the lease, leads, renews. When `signal` is aborted, so is that of `onStartedLeading`; the lease is
   * renewed until that has returned, and then released.
   * @throws LeaseLost, at once when the lease cannot be renewed (the callback's signal is aborted with it); what
   * `onStartedLeading` throws
   */
  async run(signal: AbortSignal, onStartedLeading: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (!(await this.#acquire(signal))) return;
    this.#leading = true;
    this.#log.info("leading");
    const lead = new AbortController();
    const onStop = (): void => lead.abort(signal.reason);
    signal.addEventListener("abort", onStop, { once: true });
    if (signal.aborted) onStop();

    const ended = new AbortController();
    const work = (async () => onStartedLeading(lead.signal))().finally(() => ended.abort());
    const renewing = this.#renewUntil(ended.signal);
    try {
      await Promise.race([work, renewing]);
      await work;
    } catch (error) {
      if (error instanceof LeaseLost) {
        this.#leading = false;
        lead.abort(error);
        work.catch(() => undefined);
        this.#log.error({ err: error }, "the lease is lost");
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", onStop);
      ended.abort();
      await renewing.catch(() => undefined);
      if (this.#leading) await this.#release();
    }
  }

  /** Tries until the lease is held; false when the signal is aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    let seen: string | undefined;
    while (!signal.aborted) {
      try {
        if (await this.#tryToHold(this.#now() + this.#o.renewDeadlineMs, signal)) return true;
        if (this.holder !== seen) this.#log.info({ holder: this.holder }, "waiting for the lease");
        seen = this.holder;
      } catch (error) {
        if (!signal.aborted) this.#sayWhyNot(error);
      }
      const pause = this.#o.retryPeriodMs * (1 + JITTER * this.#o.random());
      await this.#o.clock.sleep(pause, signal).catch(() => undefined);
    }
    // Stopped while a claim was on its way: it may have arrived.
    if (this.#claiming) await this.#release();
    return false;
  }

  #sayWhyNot(error: unknown): void {
    if (isConflict(error) || isAlreadyExists(error)) this.#log.debug("another has taken the lease first");
    else this.#log.warn({ err: error }, "cannot acquire the lease");
  }

  /**
   * Renews until `ended` is aborted.
   * @throws LeaseLost when the renew deadline passes, measured from the start of the last try that succeeded
   */
  async #renewUntil(ended: AbortSignal): Promise<void> {
    for (;;) {
      await this.#o.clock.sleep(Math.min(this.#o.retryPeriodMs, this.#left()), ended).catch(() => undefined);
      if (ended.aborted) return;
      if (this.#left() <= 0) {
        throw new LeaseLost(`the lease was not renewed for ${this.#o.renewDeadlineMs} ms`);
      }
      try {
        const held = await this.#renew(this.#renewBy(), ended);
        if (!held) throw new LeaseLost(`the lease has been taken by ${this.holder ?? "nobody known"}`);
      } catch (error) {
        if (ended.aborted) return;
        if (error instanceof LeaseLost) throw error;
        this.#log.warn({ err: error }, "cannot renew the lease");
      }
    }
  }

  /** The renew deadline, on the monotonic clock. */
  #renewBy(): number {
    return (this.#renewedAt ?? 0) + this.#o.renewDeadlineMs;
  }

  /** Milliseconds until the renew deadline. */
  #left(): number {
    return this.#renewBy() - this.#now();
  }

  /**
   * Renews by one request, on the condition that the lease is still as we wrote it last; the long way when not.
   * Source: client-go's leaderelection does so too.
   * @throws as {@link #tryToHold}
   */
  async #renew(until: number, signal: AbortSignal): Promise<boolean> {
    if (this.#written === undefined) return this.#tryToHold(until, signal);
    const startedAt = this.#now();
    const lease = this.#claim(this.#written);
    try {
      const written = await this.#ask(until, signal, (inner) => this.#leases.update(lease, inner));
      this.#renewed(written, startedAt);
      return true;
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      return this.#tryToHold(until, signal);
    }
  }

  /**
   * Takes or renews the lease; false when another holds it.
   * @param until on the monotonic clock
   * @throws ApiError when the server does not answer in time, or the lease has changed meanwhile
   */
  async #tryToHold(until: number, signal: AbortSignal): Promise<boolean> {
    const { namespace, name, identity } = this.#o;
    const startedAt = this.#now();
    let current: Lease;
    try {
      current = await this.#ask(until, signal, (inner) => this.#leases.get({ namespace, name }, inner));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const lease = this.#claim(undefined);
      this.#claiming = true;
      const created = await this.#ask(until, signal, (inner) => this.#leases.create(lease, inner));
      this.#renewed(created, startedAt);
      return true;
    }
    this.#see(current);
    if (current.spec?.holderIdentity !== identity && this.#isHeld()) return false;
    const lease = this.#claim(current);
    this.#claiming = true;
    const updated = await this.#ask(until, signal, (inner) => this.#leases.update(lease, inner));
    this.#renewed(updated, startedAt);
    return true;
  }

  /**
   * Sends one request. It gets half of the time that is left, so that one hung connection does not use that up; each
   * request and not the whole try, or a line that is only slow could never renew.
   */
  async #ask<T>(
    until: number,
    signal: AbortSignal,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, namespace, name, retryPeriodMs } = this.#o;
    const left = Math.max(until - this.#now(), 0);
    const ms = Math.max(left / 2, Math.min(left, retryPeriodMs));
    const late = (): ApiError =>
      new ApiError(`lease ${namespace}/${name}: no answer within ${Math.round(ms)} ms`, {
        status: 0,
        reason: "Timeout",
      });
    if (left === 0) throw late();
    return withDeadline({ clock, ms, signal, late }, request);
  }

  /** The lease with us as its holder from now on. */
  #claim(current: Lease | undefined): Lease {
    const { namespace, name, identity, leaseDurationMs } = this.#o;
    const now = formatMicroTime(this.#o.clock.now());
    const before = current?.spec ?? {};
    const ours = before.holderIdentity === identity;
    const transitions = before.leaseTransitions ?? 0;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { namespace, name },
      spec: {
        ...before,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
        acquireTime: ours ? (before.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: current === undefined || ours ? transitions : transitions + 1,
      },
    };
  }

  /** Whether whom we saw last may still take itself for the leader. */
  #isHeld(): boolean {
    const spec = this.#observed?.lease.spec;
    if (this.#observed === undefined || spec?.holderIdentity === undefined || spec.holderIdentity === "")
      return false;
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1000;
    return this.#observed.at + durationMs > this.#now();
  }

  #see(lease: Lease): void {
    if (this.#observed !== undefined && sameJson(this.#observed.lease.spec, lease.spec)) return;
    this.#observed = { lease, at: this.#now() };
  }

  #renewed(lease: Lease, startedAt: number): void {
    this.#see(lease);
    this.#written = lease;
    this.#renewedAt = startedAt;
  }

  /** Lets the next one take the lease at once. Only our own, only if nobody has changed it. */
  async #release(): Promise<void> {
    this.#leading = false;
    const { namespace, name, identity, clock } = this.#o;
    const late = (): Error => new Error(`no answer within ${RELEASE_MS} ms`);
    try {
      await withDeadline({ clock, ms: RELEASE_MS, late }, async (signal) => {
        const lease = await this.#leases.get({ namespace, name }, signal);
        if (lease.spec?.holderIdentity !== identity) return;
        const now = formatMicroTime(clock.now());
        const spec = {
          ...lease.spec,
          holderIdentity: "",
          leaseDurationSeconds: 1,
          renewTime: now,
          acquireTime: now,
        };
        await this.#leases.update({ ...lease, spec }, signal);
      });
      this.#log.info("the lease is released");
    } catch (error) {
      this.#log.warn({ err: error }, "the lease could not be released: it runs out by itself");
    }
  }

  #now(): number {
    return monotonic(this.#o.clock);
  }
}
