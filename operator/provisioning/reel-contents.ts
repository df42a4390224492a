import type { ManifestSource } from "../../crds/index.ts";
import type { ManifestRecord, ManifestSummary } from "../manifests/index.ts";
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
  /** The digest that the contents must have; undefined while the reel is not bound. */
  readonly sha256?: string | undefined;
}

/** Summaries that are kept; each is small but for its colliding serials. */
const REMEMBERED = 256;

/** A reel's devices, read from the store of spooled manifests, and what is known of them as a whole. */
export class ReelContents {
  readonly #store: ManifestStore;
  readonly #summaries = new Map<string, ManifestSummary>();

  constructor(store: ManifestStore) {
    this.#store = store;
  }

  /**
   * Reads a reel's manifest once from end to end and checks each entry.
   *
   * @throws ManifestError when the source cannot be had, is no manifest, or has another digest.
   */
  async inspect(query: ContentsQuery, signal: AbortSignal): Promise<ManifestSummary> {
    const stored = await this.#fetch(query, signal);
    try {
      const key = `${stored.sha256} ${query.batchId} ${query.evaluatedAt.toISOString()}`;
      const remembered = this.#summaries.get(key);
      if (remembered !== undefined) return remembered;
      const summary = await inspectManifest(stored, readingOf(query), signal);
      this.#remember(key, summary);
      return summary;
    } finally {
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
      yield* readManifest(stored, readingOf(query), signal);
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

  #remember(key: string, summary: ManifestSummary): void {
    this.#summaries.set(key, summary);
    if (this.#summaries.size <= REMEMBERED) return;
    const oldest = this.#summaries.keys().next();
    if (!oldest.done) this.#summaries.delete(oldest.value);
  }
}

function readingOf(query: ContentsQuery): { batchId: string; now: Date; format?: string } {
  const { format } = query.source;
  return { batchId: query.batchId, now: query.evaluatedAt, ...(format === undefined ? {} : { format }) };
}
