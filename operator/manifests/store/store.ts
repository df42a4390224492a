import { randomUUID } from "node:crypto";
import type { ManifestSource } from "../../../crds/index.ts";
import { ManifestError } from "../errors.ts";
import { DEFAULT_LIMITS, type ReadLimits, type StoredManifest } from "../records.ts";
import { Slots } from "../slots.ts";
import { openSource } from "../sources/open.ts";
import type { EgressPolicy, ReadConfigMap, ReadSecret } from "../sources/port.ts";
import { FileCache } from "./cache.ts";
import { SharedWork } from "./shared.ts";
import { spool } from "./spool.ts";
import { UnpackedArchives } from "./unpacked.ts";
import { ValidatedManifests, type ValidatedManifest, type ValidatedQuery } from "./validated.ts";

export interface ManifestStoreOptions {
  /** The cache's folder; this process's alone. Made when it is not there. */
  dir: string;
  /** Of the whole cache. */
  maxBytes: number;
  /** Of one manifest as it is fetched. */
  maxManifestBytes: number;
  /** The folder that `file` sources are below; without it there are none. */
  fileRoot?: string;
  readConfigMap: ReadConfigMap;
  readSecret: ReadSecret;
  egress: EgressPolicy;
  clock?: { now(): number };
  /** How long an http source may be silent; 30 s unless given. */
  idleMs?: number;
  /** For a whole fetch with its retries; 30 min unless given. */
  deadlineMs?: number;
  /** Before a broken download is tried again; 500 ms unless given. */
  retryPauseMs?: number;
  /** Of what an archive holds. */
  limits?: Partial<ReadLimits>;
}

/** Archives that are unpacked at a time: each takes a thread, and memory for its dictionary. */
const UNPACKED_AT_A_TIME = 2;

/**
 * Fetches manifests and keeps them on disk by digest, so that a reel of any size is read from a file, is
 * fetched once for all who need it, and does not change while it is read.
 */
export class ManifestStore {
  readonly #options: ManifestStoreOptions;
  readonly #cache: FileCache;
  readonly #unpacked: UnpackedArchives;
  readonly #validated: ValidatedManifests;
  readonly #downloads = new SharedWork<StoredManifest>();
  readonly #unpacking = new Slots(UNPACKED_AT_A_TIME);

  constructor(options: ManifestStoreOptions) {
    this.#options = options;
    const { dir, maxBytes, clock = Date } = options;
    this.#cache = new FileCache({ dir, maxBytes, clock });
    this.#unpacked = new UnpackedArchives(this.#cache, this.#unpacking);
    this.#validated = new ValidatedManifests({
      cache: this.#cache,
      read: (sha256, signal) => this.#held(sha256, signal),
    });
  }

  /**
   * A manifest that was read to its end and found good, held until it is released. Where that was done before, also
   * by an earlier process, it is at hand; else it is fetched and read once for all who ask for it.
   * @throws ManifestError; the signal's reason when it aborts
   */
  async validated(query: ValidatedQuery, signal: AbortSignal): Promise<ValidatedManifest> {
    signal.throwIfAborted();
    await this.#cache.open();
    return this.#validated.get(query, signal);
  }

  async #held(sha256: string, signal: AbortSignal): Promise<StoredManifest | undefined> {
    const file = await this.#cache.hold(sha256, signal);
    return file === undefined ? undefined : this.#handed(file);
  }

  /**
   * A manifest's file, held until it is released.
   * @param o.knownSha256 the digest it had before: served from the cache without asking the source;
   *   `sha256` of the source goes first
   * @throws ManifestError; the signal's reason when it aborts
   */
  async fetch(
    source: ManifestSource,
    o: { knownSha256?: string },
    signal: AbortSignal,
  ): Promise<StoredManifest> {
    signal.throwIfAborted();
    await this.#cache.open();
    const wanted = source.sha256 ?? o.knownSha256;
    const cached = wanted === undefined ? undefined : await this.#cache.hold(wanted, signal);
    if (cached !== undefined) return this.#handed(cached);
    const { format: _, signers: _signers, ...place } = source;
    // A ConfigMap is quick to read, and whoever asks because it has changed must not be given a reading that began
    // before.
    const key = source.configMap === undefined ? JSON.stringify(place) : randomUUID();
    return this.#downloads.run(
      key,
      signal,
      (stop) => this.#download(source, stop),
      async ({ sha256 }) => {
        const held = await this.#cache.hold(sha256, signal);
        if (held !== undefined) return this.#handed(held);
        throw new ManifestError("SourceUnavailable", "the manifest left the cache as it arrived", {
          transient: true,
        });
      },
      (downloaded) => downloaded.release(),
    );
  }

  #handed(file: StoredManifest): StoredManifest {
    const { sha256 } = file;
    return {
      ...file,
      discard: async () => {
        await this.#unpacked.discard(sha256);
        await file.discard?.();
      },
      unpacked: (open, signal) => this.#unpacked.hold(sha256, open, signal),
    };
  }

  async #download(source: ManifestSource, stop: AbortSignal): Promise<StoredManifest> {
    const { deadlineMs = 30 * 60_000, idleMs = 30_000, maxManifestBytes, retryPauseMs = 500 } = this.#options;
    const opened = openSource(source, { ...this.#options, idleMs });
    const deadline = AbortSignal.timeout(deadlineMs);
    const digest = source.sha256 === undefined ? {} : { sha256: source.sha256 };
    try {
      const read = { ...DEFAULT_LIMITS, ...this.#options.limits };
      const archives = { limits: read, unpacking: this.#unpacking };
      const limits = { maxManifestBytes, retryPauseMs, archives, ...digest };
      return await spool(opened, this.#cache, limits, AbortSignal.any([stop, deadline]));
    } catch (cause) {
      if (stop.aborted || !deadline.aborted) throw cause;
      throw new ManifestError(
        "SourceUnavailable",
        `${opened.where} did not arrive within ${Math.round(deadlineMs / 1000)} seconds`,
        { transient: true, cause },
      );
    }
  }
}
