import { createHash } from "node:crypto";
import {
  CHECK_REQUESTED_AT,
  type CloudActivity,
  type CloudProgress,
  type DeviceBatch,
  type ReelBinding,
} from "../../../crds/index.ts";
import { decodeStates } from "../../provisioning/ledger/format.ts";
import type { StateChunk } from "../../provisioning/survey/sample.ts";
import type { RoundSpec, Surveys } from "../../provisioning/survey/surveys.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { EventInput } from "../../runtime/events.ts";
import { keyOf } from "../../runtime/objects.ts";
import { type Cluster, reelNameOf } from "../cluster.ts";
import type { EventReason } from "../reasons.ts";
import { activityOf } from "./activity.ts";
import { ledgersIn } from "./cloud-ledgers.ts";
import { type CloudView, countCloud, explain, seconds } from "./cloud-progress.ts";
import { requestOf, specOf } from "./placements.ts";
import { shorten } from "./shorten.ts";

export interface ChecksDeps {
  readonly cluster: Cluster;
  readonly surveys: Pick<Surveys, "declare" | "withdraw" | "withdrawReel" | "written" | "view">;
  readonly clock: Clock;
  /** How often each cloud of each batch is asked; 0: only when devices came, and when somebody asks for it. */
  readonly everyMs: number;
}

/** What the checks of a batch have come to. */
export interface Checked {
  /** The clouds, with what is known of how their devices stand. */
  readonly clouds: readonly CloudView[];
  /** Milliseconds until the next is due, for each cloud where one is to be. */
  readonly dueIn: readonly number[];
  readonly news: readonly EventInput<EventReason>[];
}

/** As many as the status keeps of a request, see its schema. */
const REQUEST_CHARACTERS = 256;
/** When a cloud has just been given its devices, or somebody asks; otherwise. */
const MOST = 1_000;
const MOST_PERIODIC = 100;
/** Registries need a moment before they tell of what they were just given; and batches do not all ask at once. */
const SOON_MS = 10_000;
const SOON_SPREAD_MS = 20_000;
/** So long ago, a cloud has not just been given its devices. */
const LONG_AGO_MS = 24 * 3_600_000;
/** By so much clocks may differ. */
const SKEW_MS = 5 * 60_000;
/** By so much of the interval, either way, batches that were checked together come apart. */
const SPREAD = 0.1;

/** The wanted "check now" request: the annotation's value. */
export function checkRequestOf({ metadata }: DeviceBatch): string | undefined {
  const value = metadata.annotations?.[CHECK_REQUESTED_AT];
  return value === undefined || value === "" ? undefined : shorten(value, REQUEST_CHARACTERS);
}

/** A check that is to be, or is due. */
interface Plan {
  /** Epoch ms. */
  readonly at: number;
  readonly most: number;
  readonly urgent: boolean;
}

/** Has the clouds of batches asked how the devices stand that they were given, where they can tell. */
export class Checks {
  readonly #deps: ChecksDeps;
  /** Requests of batches of which it was said that they cannot be met at present. */
  readonly #toldOf = new Map<string, string>();

  constructor(deps: ChecksDeps) {
    this.#deps = deps;
  }

  /** Declares the checks that a bound batch is due, and tells what is known. */
  arrange(batch: DeviceBatch, binding: ReelBinding, views: readonly CloudView[]): Checked {
    const { surveys, clock } = this.#deps;
    const now = clock.now();
    const kept = new Map<string, CloudActivity | undefined>();
    const dueIn: number[] = [];
    const news: EventInput<EventReason>[] = [];
    const request = checkRequestOf(batch);
    const clouds = views.map((view): CloudView => {
      const { key } = view;
      if (key === undefined || !canTell(view)) return view;
      // Two names of one cloud: it is asked once.
      if (kept.has(key)) return withActivity(view, kept.get(key));
      const activity = this.#known(batch, view, key, views.length);
      kept.set(key, activity);
      const plan = this.#plan(batch, binding, view, { activity, request, now });
      if (plan === undefined || plan.at > now) surveys.withdraw(key);
      else this.#declare(batch, binding, view, { plan, request, rounds: activity?.rounds ?? 0 });
      if (plan !== undefined && plan.at > now) dueIn.push(plan.at - now);
      news.push(...this.#hindered(batch, view, { key, plan, request }));
      return withActivity(view, activity);
    });
    surveys.withdrawReel(reelNameOf(batch.spec.batchId), new Set(kept.keys()));
    return { clouds, dueIn, news };
  }

  /** Asks no more for a batch that has no reel, is leaving, or is gone. */
  withdraw(batch: DeviceBatch): void {
    this.#deps.surveys.withdrawReel(reelNameOf(batch.spec.batchId));
    this.forget(keyOf(batch));
  }

  /** Forgets what people were told about a batch. */
  forget(batch: string): void {
    for (const key of this.#toldOf.keys()) if (key.startsWith(`${batch}/`)) this.#toldOf.delete(key);
  }

  /** What was told last: as it is written, or what this process knows and has not written yet. */
  #known(batch: DeviceBatch, view: CloudView, key: string, clouds: number): CloudActivity | undefined {
    const line = batch.status?.clouds?.find(({ name }) => name === view.name);
    const stated = line !== undefined && isOf(line, view) ? line.activity : undefined;
    const { result } = this.#deps.surveys.view(key);
    if (result === undefined) return stated;
    // Not by their times: clocks are set back, and those of two leaders differ.
    if (stated !== undefined && stated.rounds >= result.rounds) {
      this.#deps.surveys.written(key);
      return stated;
    }
    return activityOf(result, clouds);
  }

  #plan(
    batch: DeviceBatch,
    binding: ReelBinding,
    view: CloudView,
    known: { activity: CloudActivity | undefined; request: string | undefined; now: number },
  ): Plan | undefined {
    const { activity, request, now } = known;
    if (view.obstacle !== undefined) return undefined;
    const counts = countCloud(binding, view.ledgers, requestOf(batch));
    if (!counts.complete || counts.provisioned === 0) return undefined;
    if (request !== undefined && activity?.request !== request) return { at: now, most: MOST, urgent: true };
    const { everyMs } = this.#deps;
    const share = shareOf(`${batch.metadata.uid ?? keyOf(batch)}/${view.name}`);
    const since = doneAt(view);
    // Times are written in whole seconds.
    if (activity === undefined || Date.parse(activity.toldAt) + 1_000 <= since) {
      const recent = now - since < LONG_AGO_MS;
      if (!recent && everyMs === 0) return undefined;
      const at = since + SOON_MS + share * SOON_SPREAD_MS;
      return { at, most: recent ? MOST : MOST_PERIODIC, urgent: false };
    }
    if (everyMs === 0) return undefined;
    const told = Date.parse(activity.toldAt);
    // By a clock that was wrong: nobody may have to wait for that time.
    if (told > now + SKEW_MS) return { at: now, most: MOST_PERIODIC, urgent: false };
    const at = told + everyMs * (1 + SPREAD * (2 * share - 1));
    return { at, most: MOST_PERIODIC, urgent: false };
  }

  #declare(
    batch: DeviceBatch,
    binding: ReelBinding,
    { name, link }: CloudView,
    { plan, request, rounds }: { plan: Plan; request: string | undefined; rounds: number },
  ): void {
    const { cluster, surveys } = this.#deps;
    const reel = cluster.reels.cache.get(reelNameOf(batch.spec.batchId));
    if (reel === undefined || link === undefined) return;
    const { ledger, contents, interop, limits } = specOf(batch, binding, reel, name, link);
    const round: RoundSpec = {
      ledger,
      contents,
      interop,
      limits,
      chunks: () => ledgersIn(link.target, binding, cluster).own.map(chunkOf),
      most: plan.most,
      round: rounds,
      request,
      urgent: plan.urgent,
    };
    surveys.declare(round);
  }

  /** Who asked for a check that cannot be made now is told so, once. */
  #hindered(
    batch: DeviceBatch,
    { name }: CloudView,
    { key, plan, request }: { key: string; plan: Plan | undefined; request: string | undefined },
  ): EventInput<EventReason>[] {
    const { surveys, clock } = this.#deps;
    const { hindrance } = surveys.view(key);
    if (hindrance === undefined || request === undefined || plan?.urgent !== true) return [];
    const about = `${keyOf(batch)}/${name}`;
    if (this.#toldOf.get(about) === request) return [];
    this.#toldOf.set(about, request);
    const why = explain(hindrance, new Date(clock.now()));
    const message = `${name} was not asked how its devices stand, or did not tell; it is asked again by itself. ${why}`;
    return [{ type: "Warning", reason: "CheckHindered", action: "Check", message: shorten(message, 1_024) }];
  }
}

function withActivity(view: CloudView, activity: CloudActivity | undefined): CloudView {
  return activity === undefined ? view : { ...view, activity };
}

/** A cloud that cannot be called now may have told before; of one that can be, it is known whether it tells. */
function canTell({ link }: CloudView): boolean {
  return link === undefined || link.interop.capabilities?.has("status") === true;
}

/** Whether a line is about the devices of this very ledger: a name may lead elsewhere by now, or back again. */
function isOf({ startedAt }: CloudProgress, view: CloudView): boolean {
  const head = headOf(view)?.startedAt;
  return head !== undefined && startedAt === seconds(head);
}

function headOf({ ledgers }: CloudView): CloudView["ledgers"][number]["spec"] | undefined {
  return ledgers.find(({ spec }) => spec.chunk.index === 0)?.spec;
}

function doneAt(view: CloudView): number {
  const head = headOf(view);
  const at = Date.parse(head?.provisionedAt ?? head?.startedAt ?? "");
  return Number.isNaN(at) ? 0 : at;
}

function chunkOf({ spec }: CloudView["ledgers"][number]): StateChunk {
  const { format, data, chunk } = spec;
  return { first: chunk.first, states: decodeStates(format, data, chunk.devices) };
}

/** From 0 up to but not including 1, always the same for the same batch and cloud. */
function shareOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
}
