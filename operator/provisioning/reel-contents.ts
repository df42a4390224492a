import type { ManifestSource } from "../../crds/index.ts";
import type { ManifestRecord, ManifestSummary, ReadLimits, ReadOptions } from "../manifests/index.ts";
import {
  inspectManifest,
  ManifestError,
  type ManifestStore,
  readManifest,
  type StoredManifest,
} from "../manifests/index.ts";

/** What names the contents of a reel: the same of these give the same records in the same order. */
export interface ContentsQuery {
  readonly batchId: string;
  readonly source: ManifestSource;
  /** The instant for which validity is judged, so that a later reading refuses the same records. */
  readonly evaluatedAt: Date;
  /** Which of a device's certificates, where the manifest has several. */
  readonly certificateSlot?: string | undefined;
  /** The digest that the contents must have; undefined while the reel is not bound. */
  readonly sha256?: string | undefined;
}

/** Summaries that are kept; each is small but for its colliding serials, so these are counted as well. */
const REMEMBERED = 256;
const REMEMBERED_SERIALS = 200_000;

/** A reel's devices, read from the store of spooled manifests, and what is known of them as a whole. */
export class ReelContents {
  readonly #store: ManifestStore;
  readonly #limits: Partial<ReadLimits>;
  readonly #summaries = new Map<string, ManifestSummary>();

  /** @param limits what is read of a manifest at most, unpacked */
  constructor(store: ManifestStore, limits: Partial<ReadLimits> = {}) {
    this.#store = store;
    this.#limits = limits;
  }

  /**
   * Reads a reel's manifest once from end to end and checks each entry.
   *
   * @param turn awaited when the manifest is there and before it is read; what it gives is called at the end
   * @throws ManifestError when the source cannot be had, is no manifest, or has another digest.
   */
  async inspect(
    query: ContentsQuery,
    signal: AbortSignal,
    turn: () => Promise<() => void> = () => Promise.resolve(() => {}),
  ): Promise<ManifestSummary> {
    const stored = await this.#fetch(query, signal);
    let leave = (): void => {};
    try {
      leave = await turn();
      const { sha256 } = stored;
      const key = JSON.stringify([sha256, this.#reading(query)]);
      const remembered = this.#summaries.get(key);
      if (remembered !== undefined) return remembered;
      const summary = await inspectManifest(stored, this.#reading(query), signal);
      this.#remember(key, summary);
      return summary;
    } finally {
      leave();
      await stored.release();
    }
  }

  /**
   * Streams the records of a reel, devices and refused entries, in the manifest's order.
   *
   * @throws ManifestError as `inspect` does.
   */
  async *read(query: ContentsQuery, signal: AbortSignal): AsyncGenerator<ManifestRecord> {
    const stored = await this.#fetch(query, signal);
    try {
      yield* readManifest(stored, this.#reading(query), signal);
    } finally {
      await stored.release();
    }
  }

  /** The manifest that the reel was bound with, whatever its source holds or declares by now. */
  async #fetch({ source, sha256 }: ContentsQuery, signal: AbortSignal): Promise<StoredManifest> {
    if (sha256 === undefined) return this.#store.fetch(source, {}, signal);
    const { sha256: _declared, ...place } = source;
    const stored = await this.#store.fetch(place, { knownSha256: sha256 }, signal);
    if (stored.sha256 === sha256) return stored;
    await stored.release();
    throw new ManifestError(
      "DigestMismatch",
      `the source now holds a manifest with SHA-256 ${stored.sha256}, but the reel was bound with ${sha256}, and a bound reel's content is fixed. Put the earlier manifest back`,
      { transient: true },
    );
  }

  #reading({
    batchId,
    evaluatedAt,
    certificateSlot,
    source: { format, signers },
  }: ContentsQuery): ReadOptions {
    const known = format === undefined ? {} : { format };
    return { batchId, now: evaluatedAt, limits: this.#limits, certificateSlot, signers, ...known };
  }

  #remember(key: string, summary: ManifestSummary): void {
    this.#summaries.set(key, summary);
    let serials = 0;
    for (const { collidingSerials } of this.#summaries.values()) serials += collidingSerials.size;
    for (const [oldest, { collidingSerials }] of this.#summaries) {
      const fits = this.#summaries.size <= REMEMBERED && serials <= REMEMBERED_SERIALS;
      if (fits || oldest === key) return;
      this.#summaries.delete(oldest);
      serials -= collidingSerials.size;
    }
  }
}
