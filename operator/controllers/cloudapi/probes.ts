import type { CloudApi } from "../../../crds/index.ts";
import type { InfoAnswer, InteropTarget } from "../../../interop/caller/caller.ts";
import { InteropError } from "../../../interop/caller/errors.ts";
import { SigningKeyMissing } from "../../accounts/signing-keys.ts";
import { Slots } from "../../manifests/index.ts";
import { type Clock, monotonic } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { keyOf } from "../../runtime/objects.ts";
import { KeptSecrets } from "./kept-secrets.ts";
import { type CloudLink, type CloudLinks, declarationOf } from "./links.ts";
import { resolve, type ResolveDeps, Unresolved, withNextKey, withOffers } from "./resolve.ts";
import type { Probe } from "./status.ts";
import { withWhereabouts } from "./whereabouts.ts";

/** What probing needs of the interop caller. */
export interface Prober {
  info(target: InteropTarget, signal: AbortSignal): Promise<InfoAnswer>;
}

export interface ProbesOptions extends ResolveDeps {
  readonly links: CloudLinks;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Called with a CloudApi's key when its probe has ended. */
  readonly ended: (key: string) => void;
  /** Called when a link came, went or changed: batches of the namespace want to know. */
  readonly linkChanged: (namespace: string) => void;
  /** Told of each request to a cloud, for metrics. */
  readonly probed?: (probed: Probed) => void;
  /** Probes at a time, of all accounts; 32 unless given. */
  readonly total?: number;
  /** Probes at a time, of one account; 4 unless given. */
  readonly perAccount?: number;
}

/** A request for a cloud's own description, and what came of it. */
export interface Probed {
  readonly namespace: string;
  /** The CloudApi's. */
  readonly name: string;
  readonly type: CloudApi["spec"]["type"];
  /** `Answered`, or the reason of the fault. */
  readonly outcome: string;
  readonly seconds: number;
}

/** What is known of a cloud. */
export interface ProbeState {
  /** How the last probe went; undefined until the first of the CloudApi as it is declared now has ended. */
  readonly probe: Probe | undefined;
  /** Epoch ms of the next probe; undefined while one waits or runs, whose end will be told. */
  readonly nextProbeAt: number | undefined;
}

const READY_INTERVAL_MS = 60_000;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** A cloud that was ready stays so over this many passing failures in a row: it may just be busy with us. */
const PATIENCE = 3;
/** A probe that passed so recently is not repeated on suspicion. */
const SUSPECT_AFTER_MS = 10_000;

interface Entry {
  readonly declaration: string;
  readonly api: CloudApi;
  failures: number;
  probedAt: number;
  nextProbeAt: number;
  probe: Probe | undefined;
  running: AbortController | undefined;
}

type Found = { probe: Probe; link?: CloudLink };

/**
 * Probes product clouds beside the reconciles, so that clouds which are silent hold up neither other accounts
 * nor what people declare meanwhile. Those who wait for a place come in turn, a few of each account.
 */
export class Probes {
  readonly #o: ProbesOptions;
  readonly #secrets: KeptSecrets;
  readonly #entries = new Map<string, Entry>();
  readonly #total: Slots;
  readonly #accounts = new Map<string, { slots: Slots; users: number }>();

  constructor(options: ProbesOptions) {
    this.#secrets = new KeptSecrets(options.secrets, options.clock);
    this.#o = { ...options, secrets: this.#secrets };
    this.#total = new Slots(options.total ?? 32);
  }

  /** What is known of a CloudApi as it is declared now; begins to probe it when that is due. */
  look(api: CloudApi): ProbeState {
    const key = keyOf(api);
    const declaration = declarationOf(api);
    let entry = this.#entries.get(key);
    if (entry?.declaration !== declaration) {
      entry?.running?.abort(new Error("the CloudApi has changed"));
      if (entry !== undefined) this.#forgetSecret(entry.api);
      entry = {
        declaration,
        api,
        failures: 0,
        probedAt: 0,
        nextProbeAt: 0,
        probe: undefined,
        running: undefined,
      };
      this.#entries.set(key, entry);
    }
    if (entry.running === undefined && entry.nextProbeAt <= this.#o.clock.now()) {
      entry.running = new AbortController();
      void this.#run(api, entry, entry.running.signal);
    }
    const { probe, running, nextProbeAt } = entry;
    return { probe, nextProbeAt: running === undefined ? nextProbeAt : undefined };
  }

  /** Has the next look probe at once: somebody saw the cloud misbehave. */
  suspect(key: string): void {
    const entry = this.#entries.get(key);
    if (entry?.probe?.passed === true && this.#o.clock.now() - entry.probedAt > SUSPECT_AFTER_MS) {
      entry.nextProbeAt = 0;
    }
  }

  /** Has the next look probe at once: what it takes to call this cloud has changed. */
  anew(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.running?.abort(new Error("what it takes to call this cloud has changed"));
    entry.running = undefined;
    entry.nextProbeAt = 0;
  }

  /** Forgets a CloudApi: it is not to be called. */
  drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.running?.abort(new Error("the CloudApi is not to be called any more"));
    this.#entries.delete(key);
    this.#forgetSecret(entry.api);
    this.#o.links.delete(key);
    this.#o.linkChanged(entry.api.metadata.namespace);
  }

  /** Ends all probes. */
  close(): void {
    for (const { running } of this.#entries.values()) running?.abort(new Error("the operator is stopping"));
  }

  /** Never rejects. */
  async #run(api: CloudApi, entry: Entry, signal: AbortSignal): Promise<void> {
    try {
      const found = await this.#inTurn(entry.api.metadata.namespace, signal, () =>
        this.#askAsItIs(api, signal),
      );
      if (signal.aborted) return;
      this.#note(api, entry, found);
    } catch (error) {
      if (signal.aborted) return;
      // Not the cloud's fault (the API server's, as a rule), so that nothing is said of the cloud.
      this.#o.log.error({ err: error, cloudApi: keyOf(api) }, "a cloud could not be probed");
      entry.failures += 1;
      entry.nextProbeAt = this.#nextAfter(entry.failures);
    }
    entry.running = undefined;
    this.#o.ended(keyOf(api));
  }

  #note(api: CloudApi, entry: Entry, { probe, link }: Found): void {
    const { clock, links, linkChanged } = this.#o;
    entry.failures = probe.passed ? 0 : entry.failures + 1;
    const tolerated =
      !probe.passed && probe.transient && entry.failures < PATIENCE && entry.probe?.passed === true;
    if (!tolerated) entry.probe = probe;
    entry.probedAt = clock.now();
    entry.nextProbeAt = this.#nextAfter(entry.failures);

    const had = links.get(api);
    if (link !== undefined) links.set(api, link);
    else if (!tolerated) links.delete(keyOf(api));
    if (!probe.passed && !tolerated) links.setFault(api, probe);
    const has = links.get(api);
    if (has === undefined) links.planTry(api, entry.nextProbeAt);
    // Batches that wait say when the next try is, and what a cloud can do may be what they wait for.
    if (had === undefined || has === undefined || offersOf(had) !== offersOf(has))
      linkChanged(entry.api.metadata.namespace);
  }

  #nextAfter(failures: number): number {
    const base =
      failures === 0 ? READY_INTERVAL_MS : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
    return this.#o.clock.now() + base * (0.75 + this.#o.random() / 2);
  }

  /** What went wrong with a Secret that was read a while ago is tried at once with what it holds now. */
  async #askAsItIs(api: CloudApi, signal: AbortSignal): Promise<Found> {
    const started = monotonic(this.#o.clock);
    const found = await this.#ask(api, signal);
    if (found.probe.passed) return found;
    const wasOld = this.#forgetSecret(api, started);
    if (!wasOld || found.probe.reason !== "Unauthorized") return found;
    const again = await this.#ask(api, signal);
    if (!again.probe.passed) this.#forgetSecret(api);
    return again;
  }

  #forgetSecret({ metadata, spec }: CloudApi, since?: number): boolean {
    const { namespace } = metadata;
    const name = spec.other?.credentialsSecretRef.name;
    return name !== undefined && this.#secrets.forget({ namespace, name }, since);
  }

  async #ask(api: CloudApi, signal: AbortSignal): Promise<Found> {
    try {
      const link = await resolve(api, this.#o, signal);
      const next = await withNextKey(link, api, this.#o, signal);
      if (next !== undefined) {
        const info = await this.#infoUnlessRefused(api, next.interop, signal);
        if (info !== undefined) return { probe: { passed: true, info }, link: withOffers(next, info) };
      }
      const info = await this.#info(api, link.interop, signal);
      const refusesNextKey = next !== undefined;
      return { probe: { passed: true, info, refusesNextKey }, link: withOffers(link, info) };
    } catch (error) {
      const probe = failedProbe(error, api);
      if (probe === undefined) throw error;
      return { probe };
    }
  }

  async #info({ metadata, spec }: CloudApi, target: InteropTarget, signal: AbortSignal): Promise<InfoAnswer> {
    const { clock, prober, probed } = this.#o;
    const { namespace, name } = metadata;
    const started = monotonic(clock);
    const tell = (outcome: string): void =>
      probed?.({ namespace, name, type: spec.type, outcome, seconds: (monotonic(clock) - started) / 1_000 });
    try {
      const info = await prober.info(target, signal);
      tell("Answered");
      return info;
    } catch (error) {
      if (error instanceof InteropError) tell(error.reason);
      throw error;
    }
  }

  async #infoUnlessRefused(
    api: CloudApi,
    target: InteropTarget,
    signal: AbortSignal,
  ): Promise<InfoAnswer | undefined> {
    try {
      return await this.#info(api, target, signal);
    } catch (error) {
      if (error instanceof InteropError && error.reason === "Unauthorized") return undefined;
      throw error;
    }
  }

  /** Of each account only a few wait for the places of all, so that these are handed out evenly. */
  async #inTurn<T>(account: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const room = this.#accounts.get(account) ?? { slots: new Slots(this.#o.perAccount ?? 4), users: 0 };
    this.#accounts.set(account, room);
    room.users += 1;
    let leaveRoom = (): void => {};
    let leave = (): void => {};
    try {
      leaveRoom = await room.slots.take(signal);
      leave = await this.#total.take(signal);
      return await work();
    } finally {
      leave();
      leaveRoom();
      room.users -= 1;
      if (room.users === 0) this.#accounts.delete(account);
    }
  }
}

function offersOf({ interop }: CloudLink): string {
  return [...(interop.capabilities ?? [])].sort().join(" ");
}

function failedProbe(error: unknown, api: CloudApi): Probe | undefined {
  if (error instanceof InteropError) {
    const { reason, transient } = error;
    return { passed: false, reason, message: withWhereabouts(reason, error.message, api), transient };
  }
  if (error instanceof Unresolved) {
    return { passed: false, reason: error.reason, message: error.message, transient: false };
  }
  if (error instanceof SigningKeyMissing) {
    return { passed: false, reason: "SigningKeyMissing", message: error.message, transient: false };
  }
  return undefined;
}
