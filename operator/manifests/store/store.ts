import { randomUUID } from "node:crypto";
import type { ManifestSource } from "../../../crds/index.ts";
import { ManifestError } from "../errors.ts";
import { DEFAULT_LIMITS, type ReadLimits, type StoredManifest } from "../records.ts";
import { Slots } from "../slots.ts";
import { openSource } from "../sources/open.ts";
import type { EgressPolicy, ReadConfigMap, ReadSecret } from "../sources/port.ts";
import { ArchivedManifests } from "./archived.ts";
import type { ManifestArchive } from "./archive/port.ts";
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
  /** Of what a packed manifest holds. */
  limits?: Partial<ReadLimits>;
  /** Keeps validated manifests by digest; without it they are gone with their sources. */
  archive?: ManifestArchive;
  /** Told of each manifest that the archive could not take, or holds something else in the place of. */
  archiveFailed?: (sha256: string, error: unknown) => void;
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
  readonly #archived: ArchivedManifests | undefined;
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
    const { archive, archiveFailed: failed = () => {}, deadlineMs, retryPauseMs } = options;
    if (archive === undefined) return;
    this.#archived = new ArchivedManifests({
      archive,
      cache: this.#cache,
      failed,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(retryPauseMs === undefined ? {} : { pauseMs: retryPauseMs }),
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
    const manifest = await this.#validated.get(query, signal);
    // Of which nothing can be used will be read again in vain.
    if (manifest.summary.devices > 0) this.#archived?.keep(manifest.sha256);
    return manifest;
  }

  /** Ends what goes on in the background. */
  async close(): Promise<void> {
    await this.#archived?.close();
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
    if (wanted === undefined) return this.#fromSource(source, signal);
    const archived = await this.#fromArchive(wanted, signal);
    if (archived !== undefined && !(archived instanceof ManifestError)) return archived;
    try {
      return await this.#fromSource(source, signal);
    } catch (error) {
      if (o.knownSha256 === undefined) throw error;
      throw withArchive(error, this.#archived?.where, archived);
    }
  }

  #fromSource(source: ManifestSource, signal: AbortSignal): Promise<StoredManifest> {
    const { format: _, signers: _signers, ...place } = source;
    // A ConfigMap is quick to read, and whoever asks because it has changed must not be given a reading that began
    // before.
    const key = source.configMap === undefined ? JSON.stringify(place) : randomUUID();
    return this.#shared(key, (stop) => this.#download(source, stop), signal);
  }

  /** @returns the error where the archive cannot be read: the source may still have it */
  async #fromArchive(
    sha256: string,
    signal: AbortSignal,
  ): Promise<StoredManifest | ManifestError | undefined> {
    const archived = this.#archived;
    if (archived === undefined) return undefined;
    const bringBack = async (stop: AbortSignal): Promise<StoredManifest> => {
      const found = await archived.bringBack(sha256, stop);
      if (found === undefined) throw new NotThere();
      return found;
    };
    try {
      return await this.#shared(`archive ${sha256}`, bringBack, signal);
    } catch (error) {
      if (error instanceof NotThere) return undefined;
      if (error instanceof ManifestError && error.reason === "SourceUnavailable") return error;
      throw error;
    }
  }

  #shared(
    key: string,
    work: (stop: AbortSignal) => Promise<StoredManifest>,
    signal: AbortSignal,
  ): Promise<StoredManifest> {
    return this.#downloads.run(
      key,
      signal,
      work,
      async ({ sha256 }) => {
        const held = await this.#held(sha256, signal);
        if (held !== undefined) return held;
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

class NotThere extends Error {}

/** What went wrong with the source of a reel that was read before, and what the archive has to do with it. */
function withArchive(error: unknown, where: string | undefined, archive: ManifestError | undefined): unknown {
  if (!(error instanceof ManifestError) || error.reason !== "SourceUnavailable") return error;
  const more =
    archive?.message ??
    (where === undefined
      ? "This operator keeps no archive of the manifests it has read, which would have it: put the file back, and see --manifest-archive for the next time"
      : `The archive of manifests (${where}) does not have it either: put the file back`);
  return new ManifestError("SourceUnavailable", `${error.message}. ${more}`, {
    transient: error.transient || archive?.transient === true,
    cause: error,
  });
}
