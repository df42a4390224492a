import type { ManifestSource } from "../../crds/index.ts";
import {
  ManifestError,
  type ManifestStore,
  type ManifestSummary,
  type PackedRecord,
  type ReadLimits,
  type ReadOptions,
  type StoredManifest,
  type ValidatedManifest,
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

/** A reel's devices, read from the store of validated manifests, and what is known of them as a whole. */
export class ReelContents {
  readonly #store: ManifestStore;
  readonly #limits: Partial<ReadLimits>;

  /** @param limits what is read of a manifest at most, unpacked */
  constructor(store: ManifestStore, limits: Partial<ReadLimits> = {}) {
    this.#store = store;
    this.#limits = limits;
  }

  /**
   * What a reel's manifest holds. It is read from end to end, and each entry checked, once for all who ask; later
   * readings, also those of the next process, find it in the operator's cache.
   *
   * @param turn awaited when the manifest is there and before it is read; what it gives is called at the end
   * @throws ManifestError when the source cannot be had, is no manifest, or has another digest.
   */
  async inspect(
    query: ContentsQuery,
    signal: AbortSignal,
    turn?: () => Promise<() => void>,
  ): Promise<ManifestSummary> {
    const manifest = await this.#validated(query, signal, turn);
    try {
      return manifest.summary;
    } finally {
      await manifest.release();
    }
  }

  /**
   * Streams the records of a reel, devices and refused entries, in the manifest's order.
   *
   * @param skip asked for each ordinal shortly before; whole stretches that are skipped cost next to nothing
   * @throws ManifestError as `inspect` does.
   */
  async *read(
    query: ContentsQuery,
    signal: AbortSignal,
    skip?: (ordinal: number) => boolean,
  ): AsyncGenerator<PackedRecord> {
    const manifest = await this.#validated(query, signal);
    try {
      for await (const records of manifest.records(signal, skip)) {
        for (const record of records) {
          signal.throwIfAborted();
          yield record;
        }
      }
    } finally {
      await manifest.release();
    }
  }

  #validated(
    query: ContentsQuery,
    signal: AbortSignal,
    turn?: () => Promise<() => void>,
  ): Promise<ValidatedManifest> {
    const fetch = (): Promise<StoredManifest> => this.#fetch(query, signal);
    const wanted = { sha256: query.sha256, options: this.#reading(query), fetch };
    return this.#store.validated(turn === undefined ? wanted : { ...wanted, turn }, signal);
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
}
