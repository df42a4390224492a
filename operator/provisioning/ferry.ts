import { Lane } from "./lane.ts";
import type { LaneView } from "./observer.ts";
import { Placement, type PlacementDeps } from "./placement.ts";
import { PlacementLog } from "./placement-log.ts";
import { placementKey, type PlacementProgress, type PlacementSpec } from "./placement-spec.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Lanes that are remembered, with what was learnt of their clouds; those in use are kept whatever their number. */
const MOST_LANES = 1_000;

interface Berth {
  placement: Placement;
  readonly done: Promise<void>;
}

/**
 * The ferry: takes reels into product clouds, as many placements at a time as are declared. Each product
 * cloud has one lane, which its placements share in turns. Controllers declare what they want, read the
 * progress, and are told by key that something moved.
 */
export class Ferry {
  readonly #deps: Omit<PlacementDeps, "wantedAgain">;
  readonly #giveUp = new AbortController();
  readonly #lanes = new Map<string, Lane>();
  readonly #berths = new Map<string, Berth>();
  readonly #finished = new Map<string, PlacementProgress>();
  readonly #repeats = new Map<string, { wish: string; times: number; notBefore: number }>();
  #closed = false;

  constructor(deps: Omit<PlacementDeps, "giveUp" | "wantedAgain">) {
    this.#deps = { ...deps, giveUp: this.#giveUp.signal };
  }

  /**
   * Wants a placement: starts it, or hands it the changed wishes. A placement that is being stopped is not
   * started again before it has ended: declare it once more when `changed` tells.
   */
  declare(spec: PlacementSpec): void {
    if (this.#closed) return;
    const key = placementKey(spec.ledger);
    const berth = this.#berths.get(key);
    if (berth === undefined && !this.#mayStart(key, spec)) return;
    const lane = this.lane(spec);
    lane.limit(key, spec.limits);
    if (berth !== undefined) {
      // Who is on the way in has to arrive before it turns round: its end is told, and this declared once more.
      if (berth.placement.direction !== spec.direction) berth.placement.stop();
      else berth.placement.update(spec);
      return;
    }
    // Whoever declares this has had an answer of the cloud's a moment ago, as a rule.
    lane.news();
    const record = new PlacementLog(spec, this.#deps.log, this.#deps.clock);
    const placement: Placement = new Placement(spec, lane, {
      ...this.#deps,
      changed: () => {
        record.follow(placement.progress());
        this.#deps.changed(key);
      },
      wantedAgain: (request) => record.wantedAgain(request),
    });
    this.#finished.delete(key);
    this.#berths.set(key, { placement, done: this.#run(key, placement, lane, record) });
  }

  /**
   * Wants a placement no more. Nothing is sent after this call; answers that are under way are noted.
   * @returns true when nothing of it is left running.
   */
  withdraw(key: string): boolean {
    this.#finished.delete(key);
    this.#repeats.delete(key);
    const berth = this.#berths.get(key);
    berth?.placement.stop();
    return berth === undefined;
  }

  /** Withdraws the placements of a reel, but for those in `keep`. @returns true when none of them is left running. */
  withdrawReel(reel: string, keep: ReadonlySet<string> = new Set()): boolean {
    const keys = new Set([...this.#berths.keys(), ...this.#finished.keys(), ...this.#repeats.keys()]);
    return [...keys]
      .filter((key) => key.startsWith(`${reel}/`) && !keep.has(key))
      .map((key) => this.withdraw(key))
      .every(Boolean);
  }

  /** How the ways to product clouds that are in use are, by cloud (`AWS/123456789012/eu-west-1`); one may have several. */
  lanes(): [target: string, lane: LaneView][] {
    return [...this.#lanes]
      .filter(([, lane]) => !lane.unused)
      .map(([key, lane]) => [key.split(" ", 1)[0] ?? "", lane.view]);
  }

  /** What a placement tells; that of its last run when it has ended. */
  progress(key: string): PlacementProgress | undefined {
    return this.#berths.get(key)?.placement.progress() ?? this.#finished.get(key);
  }

  /**
   * Sends nothing more and resolves when every answer under way is in and written.
   * @param graceMs after which calls under way are given up: their devices stay pending.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    for (const { placement } of this.#berths.values()) placement.stop();
    const timer = this.#deps.clock.setTimeout(
      () => this.#giveUp.abort(new Error("the ferry is closing")),
      graceMs,
    );
    await Promise.all([...this.#berths.values()].map((berth) => berth.done));
    timer.cancel();
  }

  /**
   * A placement that has ended and is wanted again as it was is started anew with growing pauses: whoever wants
   * it sees something else in the ledger than the placement did, and must not spin.
   */
  #mayStart(key: string, spec: PlacementSpec): boolean {
    const { clock, changed } = this.#deps;
    const wish = JSON.stringify([
      spec.direction,
      spec.request,
      spec.ledger.manifestSha256,
      spec.ledger.account,
    ]);
    const before = this.#repeats.get(key);
    if (before?.wish !== wish) {
      this.#repeats.set(key, { wish, times: 0, notBefore: 0 });
      return true;
    }
    const now = clock.now();
    if (now < before.notBefore) return false;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(before.times, 10));
    this.#repeats.set(key, { wish, times: before.times + 1, notBefore: now + pause });
    clock.setTimeout(() => changed(key), pause);
    return true;
  }

  async #run(key: string, placement: Placement, lane: Lane, record: PlacementLog): Promise<void> {
    await placement.run();
    this.#berths.delete(key);
    lane.unlimit(key);
    const progress = placement.progress();
    record.ended(progress, placement.counts, placement.stopped);
    if (progress.failures.length > 0 || progress.hindrance !== undefined) this.#finished.set(key, progress);
    this.#deps.changed(key);
  }

  /** The way to the cloud of a placement, for whoever else has to do with that cloud. */
  lane(spec: Pick<PlacementSpec, "ledger" | "interop">): Lane {
    const target = laneOf(spec);
    const lane = this.#lanes.get(target) ?? new Lane(this.#deps.clock, this.#deps.random);
    // The longest unused comes first, and goes first.
    this.#lanes.delete(target);
    this.#lanes.set(target, lane);
    for (const [each, { forgettable }] of this.#lanes) {
      if (this.#lanes.size <= MOST_LANES) break;
      if (forgettable && each !== target) this.#lanes.delete(each);
    }
    return lane;
  }
}

/**
 * Pace belongs to a cloud at an address. Were it the cloud alone, an account that gives another's account ID
 * and an address of its own could slow the other down with refusals.
 */
function laneOf({ ledger, interop }: Pick<PlacementSpec, "ledger" | "interop">): string {
  const { host, pathname } = new URL(interop.url);
  return `${ledger.target.key} ${host}${pathname}`;
}
