import type { Reel } from "../../../crds/index.ts";
import { ManifestError, type ManifestSummary, Slots } from "../../manifests/index.ts";
import type { ReelContents } from "../../provisioning/reel-contents.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { ReelReason } from "../reasons.ts";

/** What is known of a reel's manifest. */
export type Inspection =
  | { readonly state: "running" }
  | { readonly state: "ready"; readonly summary: ManifestSummary; readonly evaluatedAt: Date }
  | {
      readonly state: "failed";
      readonly reason: ReelReason;
      readonly message: string;
      /** What was read, where the manifest could be read and is of no use all the same. */
      readonly summary?: ManifestSummary;
      /** Epoch ms of the next try by itself; undefined when only a change of the reel helps. */
      readonly retryAt: number | undefined;
    };

interface Entry {
  readonly version: string;
  /** The instant that it was asked for. */
  readonly boundFor: string | undefined;
  readonly abort: AbortController;
  inspection: Inspection;
  failures: number;
}

export interface InspectorOptions {
  readonly contents: ReelContents;
  readonly clock: Clock;
  readonly log: Logger;
  /** Manifests that are fetched at a time; 16 unless given. Servers may be slow, and fetching costs little. */
  readonly fetching?: number;
  /** Manifests that are read at a time, of those that were fetched; 2 unless given. */
  readonly reading?: number;
  /** Called with the reel's name when its inspection ended. */
  readonly changed: (reel: string) => void;
}

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** Batches ask for slots by any name; this many of a reel are kept in mind. */
const SLOTS_OF_A_REEL = 8;

/**
 * Reads reels' manifests in the background, a few at a time: a million certificates take longer than a
 * reconcile may.
 */
export class ReelInspector {
  readonly #o: InspectorOptions;
  /** By the reel's name, and by the certificate slot, which is empty for the manifest's default. */
  readonly #reels = new Map<string, Map<string, Entry>>();
  readonly #fetching: Slots;
  readonly #reading: Slots;

  constructor(options: InspectorOptions) {
    this.#o = options;
    this.#fetching = new Slots(options.fetching ?? 16);
    this.#reading = new Slots(options.reading ?? 2);
  }

  /**
   * What is known; starts to read when nothing is, when the source has changed, or when a retry is due.
   *
   * @param boundFor the instant for which the reel was judged when it was bound; that of the reading unless given.
   * @param slot which of a device's certificates is meant; the manifest's default unless given.
   */
  inspection(reel: Reel, boundFor?: string, slot = ""): Inspection {
    const entries = this.#entriesOf(reel.metadata.name, slot);
    const version = JSON.stringify([reel.metadata.uid, reel.spec.batchId, reel.spec.manifest]);
    const entry = entries.get(slot);
    if (entry?.version === version && !this.#due(entry.inspection) && isFor(boundFor, entry))
      return entry.inspection;
    entry?.abort.abort(new Error("the reel has changed"));
    const failures = entry?.version === version ? entry.failures : 0;
    const inspection = { state: "running" } as const;
    const next: Entry = { version, boundFor, abort: new AbortController(), inspection, failures };
    entries.set(slot, next);
    void this.#inspect(reel, next, slot);
    return next.inspection;
  }

  /** Forgets a reel, so that its source is read anew when it is asked for next. */
  forget(reel: string): void {
    for (const { abort } of this.#reels.get(reel)?.values() ?? []) {
      abort.abort(new Error("the reel is to be read anew"));
    }
    this.#reels.delete(reel);
  }

  /** Ends what is being read. */
  close(): void {
    for (const reel of this.#reels.keys()) this.forget(reel);
  }

  /** What is known of a reel; of its slots, the ones that were not asked for longest make room for another. */
  #entriesOf(reel: string, slot: string): Map<string, Entry> {
    const entries = this.#reels.get(reel) ?? new Map<string, Entry>();
    this.#reels.set(reel, entries);
    const known = entries.get(slot);
    if (known !== undefined) {
      entries.delete(slot);
      entries.set(slot, known);
    } else if (entries.size >= SLOTS_OF_A_REEL) {
      const done = [...entries].find(([, { inspection }]) => inspection.state !== "running");
      if (done !== undefined) entries.delete(done[0]);
    }
    return entries;
  }

  #due(inspection: Inspection): boolean {
    return (
      inspection.state === "failed" &&
      inspection.retryAt !== undefined &&
      inspection.retryAt <= this.#o.clock.now()
    );
  }

  /** Never rejects. */
  async #inspect(reel: Reel, entry: Entry, slot: string): Promise<void> {
    const { boundFor } = entry;
    const { signal } = entry.abort;
    let leaveFetching = (): void => {};
    try {
      leaveFetching = await this.#fetching.take(signal);
      // Whole seconds, as it will stand in the binding: later readings must judge for the same instant.
      const evaluatedAt = new Date(boundFor ?? Math.floor(this.#o.clock.now() / 1_000) * 1_000);
      const certificateSlot = slot === "" ? undefined : slot;
      const query = { batchId: reel.spec.batchId, source: reel.spec.manifest, evaluatedAt, certificateSlot };
      const summary = await this.#o.contents.inspect(query, signal, async () => {
        // Not left before: what waits for its reading holds a file in the cache.
        const leaveReading = await this.#reading.take(signal);
        leaveFetching();
        return leaveReading;
      });
      entry.inspection = summary.devices === 0 ? useless(summary) : { state: "ready", summary, evaluatedAt };
    } catch (error) {
      if (signal.aborted) return;
      entry.failures += 1;
      entry.inspection = this.#failed(error, entry.failures, reel.metadata.name);
    } finally {
      leaveFetching();
    }
    this.#o.changed(reel.metadata.name);
  }

  #failed(error: unknown, failures: number, reel: string): Inspection {
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
    const retryAt = this.#o.clock.now() + delay;
    if (error instanceof ManifestError) {
      const { reason, message, transient } = error;
      return { state: "failed", reason, message, retryAt: transient ? retryAt : undefined };
    }
    this.#o.log.error({ err: error, reel }, "reading the manifest failed");
    const message = "the manifest could not be read for an unexpected reason; see the operator's log";
    return { state: "failed", reason: "InternalError", message, retryAt };
  }
}

function useless(summary: ManifestSummary): Inspection {
  return {
    state: "failed",
    reason: "NoUsableDevices",
    message: `each of the manifest's ${summary.records} entries was refused; see status.quarantined for the first ten with their reasons`,
    summary,
    retryAt: undefined,
  };
}

/** Whether what an entry knows, or will know, is judged for the instant that is asked for. */
function isFor(boundFor: string | undefined, entry: Entry): boolean {
  const { inspection } = entry;
  if (boundFor === undefined || entry.boundFor === boundFor) return true;
  // Asked again when it has ended; and a source that cannot be had says nothing about an instant.
  if (inspection.state === "running") return true;
  if (inspection.state === "failed") return inspection.summary === undefined;
  return inspection.evaluatedAt.getTime() === Date.parse(boundFor);
}
