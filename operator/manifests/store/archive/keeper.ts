import { setTimeout as delay } from "node:timers/promises";
import type { StoredManifest } from "../../records.ts";
import type { ManifestArchive } from "./port.ts";

export interface KeeperOptions {
  readonly archive: ManifestArchive;
  /** Holds a manifest of the cache. */
  readonly hold: (sha256: string, signal: AbortSignal) => Promise<StoredManifest | undefined>;
  /** Told of each try that failed. */
  readonly failed: (sha256: string, error: unknown) => void;
  /** Before the next try after one that failed, doubled with each one more; 5 s unless given. */
  readonly pauseMs?: number;
  /** For one manifest; 30 min unless given. */
  readonly deadlineMs?: number;
}

const LONGEST_PAUSE_MS = 300_000;
/** Digests of which it is remembered that they are there. */
const REMEMBERED = 100_000;

/** Puts manifests that were found good into the archive, one after the other, in the background. */
export class ArchiveKeeper {
  readonly #options: KeeperOptions;
  readonly #wanted = new Set<string>();
  readonly #there = new Set<string>();
  readonly #doubted = new Set<string>();
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Sees to it that a manifest gets there, as long as the cache has it. */
  offer(sha256: string): void {
    if (this.#there.has(sha256) || this.#stop.signal.aborted) return;
    this.#wanted.add(sha256);
    this.#working ??= this.#work();
  }

  /** What is there is not what it should be: it is put there again when it is offered next. */
  doubt(sha256: string): void {
    this.#there.delete(sha256);
    this.#doubted.add(sha256);
  }

  /** Stops, and waits for what is under way to end. */
  async close(): Promise<void> {
    this.#stop.abort(new Error("the operator ends"));
    await this.#working;
  }

  /** Never rejects. Nothing is awaited between its last look at what is wanted and its end. */
  async #work(): Promise<void> {
    const { pauseMs = 5_000 } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    for (const sha256 of this.#wanted) {
      if (signal.aborted) break;
      this.#wanted.delete(sha256);
      try {
        await this.#keep(sha256, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        this.#options.failed(sha256, error);
        this.#wanted.add(sha256);
        const pause = Math.min(LONGEST_PAUSE_MS, pauseMs * 2 ** Math.min(failures, 10));
        failures += 1;
        await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    this.#working = undefined;
  }

  async #keep(sha256: string, stop: AbortSignal): Promise<void> {
    const { archive, hold, deadlineMs = 30 * 60_000 } = this.#options;
    const signal = AbortSignal.any([stop, AbortSignal.timeout(deadlineMs)]);
    const manifest = await hold(sha256, signal);
    // It left the cache; whoever needs it next fetches it, and offers it again.
    if (manifest === undefined) return;
    try {
      const there = !this.#doubted.has(sha256) && (await archive.has(manifest, signal));
      if (!there) await archive.put(manifest, signal);
      this.#doubted.delete(sha256);
      if (this.#there.size >= REMEMBERED) this.#there.clear();
      this.#there.add(sha256);
    } finally {
      await manifest.release();
    }
  }
}
