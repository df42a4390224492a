import { Worker } from "node:worker_threads";
import { ManifestError } from "../../errors.ts";
import type { ArchiveContent } from "../../formats/port.ts";
import { byteSize } from "../../printable.ts";
import { containsPrivateKey } from "../../private-keys.ts";
import type { ReadLimits, StoredManifest } from "../../records.ts";
import { type ListedFile, parseListing } from "./listing.ts";
import { FLOW_SLOTS, type UnpackMessage, type UnpackOrder } from "./protocol.ts";
import { checkStartHeader, passwordRequired, unreadable } from "./start-header.ts";

/** Below this much content the ratio says nothing: a few devices of one issuer pack well. */
const RATIO_FROM_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 1000;

/**
 * Opens a .7z archive and lists it, in a thread of its own that ends with `close` or when `signal` aborts.
 * @throws ManifestError ArchiveUnreadable, PasswordRequired, ManifestTooLarge, NotAManifest, ContainsPrivateKey
 */
export async function openSevenZip(
  manifest: StoredManifest,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<ArchiveContent & AsyncDisposable> {
  await checkStartHeader(manifest.path);
  const thread = new UnpackThread(manifest.path, limits);
  try {
    const listing = await thread.next(signal);
    if (listing.kind !== "listing") throw unreadable("it cannot be listed");
    const files = parseListing(listing.text);
    checkListing(files, manifest.bytes, limits);
    return {
      files,
      bytes: () => thread.bytes(total(files), signal),
      [Symbol.asyncDispose]: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function total(files: readonly ListedFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

function checkListing(files: readonly ListedFile[], packedBytes: number, limits: ReadLimits): void {
  if (files.length === 0) throw new ManifestError("ManifestEmpty", "the archive holds no file");
  if (files.some((file) => file.holdsKeys)) throw containsPrivateKey("the archive");
  if (files.length > MAX_FILES) {
    throw new ManifestError("NotAManifest", `the archive holds ${files.length} files; one CSV is expected`);
  }
  if (files.some((file) => file.encrypted)) throw passwordRequired();
  const bytes = total(files);
  if (!Number.isSafeInteger(bytes) || bytes > limits.maxContentBytes) {
    throw new ManifestError(
      "ManifestTooLarge",
      `the archive holds ${byteSize(bytes)} unpacked; ${byteSize(limits.maxContentBytes)} are the most that is read`,
    );
  }
  if (bytes > RATIO_FROM_BYTES && bytes > packedBytes * limits.maxRatio) {
    throw new ManifestError(
      "ManifestTooLarge",
      `the archive unpacks to ${Math.round(bytes / packedBytes)} times its size; certificates do not pack like that, so it is taken for an archive bomb`,
    );
  }
}

class UnpackThread {
  readonly #worker: Worker;
  readonly #flow: Int32Array;
  readonly #limits: ReadLimits;
  readonly #arrived: UnpackMessage[] = [];
  #ended: Error | undefined;
  #wake: () => void = () => {};

  constructor(path: string, limits: ReadLimits) {
    const flow = new SharedArrayBuffer(FLOW_SLOTS.count * Int32Array.BYTES_PER_ELEMENT);
    const order: UnpackOrder = { path, maxMemoryBytes: limits.maxUnpackMemoryBytes, flow };
    this.#flow = new Int32Array(flow);
    this.#limits = limits;
    this.#worker = new Worker(new URL("unpack-worker.ts", import.meta.url), {
      workerData: order,
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
    });
    this.#worker.on("message", (message: UnpackMessage) => {
      this.#arrived.push(message);
      this.#wake();
    });
    this.#worker.on("error", (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.#end(new Error("the thread ended early")));
  }

  /**
   * The next message; a failure that the thread reports is thrown.
   * @throws ManifestError; AbortError when `signal` aborts
   */
  async next(signal: AbortSignal): Promise<Exclude<UnpackMessage, { kind: "failed" }>> {
    const message = this.#arrived.shift() ?? (await this.#wait(signal));
    if (message.kind === "failed") throw this.#failure(message);
    return message;
  }

  async *bytes(expected: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    Atomics.store(this.#flow, FLOW_SLOTS.goOn, 1);
    Atomics.notify(this.#flow, FLOW_SLOTS.goOn);
    let seen = 0;
    for (;;) {
      const message = await this.next(signal);
      if (message.kind === "end") break;
      if (message.kind === "listing") continue;
      const bytes = Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength);
      seen += bytes.length;
      if (seen > expected) throw unreadable("it holds more than it lists");
      yield bytes;
      Atomics.sub(this.#flow, FLOW_SLOTS.pending, bytes.length);
      Atomics.notify(this.#flow, FLOW_SLOTS.pending);
    }
    if (seen < expected) throw unreadable("it holds less than it lists");
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #wait(signal: AbortSignal): Promise<UnpackMessage> {
    signal.throwIfAborted();
    const idle = AbortSignal.timeout(this.#limits.unpackIdleMs);
    const stop = AbortSignal.any([signal, idle]);
    await new Promise<void>((resolve) => {
      if (this.#ended !== undefined) return resolve();
      this.#wake = resolve;
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
    signal.throwIfAborted();
    const message = this.#arrived.shift();
    if (message !== undefined) return message;
    if (idle.aborted)
      throw unreadable(`nothing came out of it for ${this.#limits.unpackIdleMs / 1000} seconds`);
    throw new ManifestError("ArchiveUnreadable", "the thread that unpacks the archive ended early", {
      transient: true,
      cause: this.#ended,
    });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake();
  }

  #failure(message: { outOfMemory: boolean; text: string }): ManifestError {
    if (message.outOfMemory) {
      const limit = byteSize(this.#limits.maxUnpackMemoryBytes);
      return new ManifestError(
        "ManifestTooLarge",
        `unpacking the archive needs more than ${limit} of memory: pack it with a smaller dictionary, e.g. 7z a -md=64m`,
      );
    }
    if (/password|encrypted/i.test(message.text)) return passwordRequired();
    const known = ["Unexpected end of", "Data Error", "CRC Failed", "Headers Error", "Unsupported Method"];
    const seen = known.find((text) => message.text.includes(text));
    return unreadable(
      seen === undefined ? "it is damaged" : `7-Zip says "${seen.replace(/ of$/, " of archive")}"`,
    );
  }
}
