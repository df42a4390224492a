import { Worker } from "node:worker_threads";
import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import type { ReadLimits } from "../../records.ts";
import type { PackedFile } from "../packed-file.ts";
import type { ListedFile } from "./listing.ts";
import {
  FLOW_SLOTS,
  LISTED_WEIGHT,
  type UnpackChoice,
  type UnpackMessage,
  type UnpackOrder,
} from "./protocol.ts";
import { checkStartHeader, passwordRequired, unreadable } from "./start-header.ts";

/** 7-Zip at work on one archive, in a thread of its own: first its listing, then the bytes of its files. */
export class UnpackThread {
  readonly #worker: Worker;
  readonly #flow: Int32Array;
  readonly #limits: ReadLimits;
  readonly #arrived: UnpackMessage[] = [];
  #ended: Error | undefined;
  #wake: () => void = () => {};

  /**
   * Starts to list an archive.
   * @throws ManifestError ArchiveUnreadable, PasswordRequired, where its first bytes tell already
   */
  static async start(packed: PackedFile, limits: ReadLimits): Promise<UnpackThread> {
    await checkStartHeader(packed);
    return new UnpackThread(packed, limits);
  }

  private constructor(packed: PackedFile, limits: ReadLimits) {
    const flow = new SharedArrayBuffer(FLOW_SLOTS.count * Int32Array.BYTES_PER_ELEMENT);
    const { path, seal } = packed;
    const order: UnpackOrder = {
      path,
      maxMemoryBytes: limits.maxUnpackMemoryBytes,
      flow,
      ...(seal === undefined ? {} : { seal }),
    };
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
   * The files that the archive lists, some at a time, in its order.
   * @throws ManifestError; AbortError when `signal` aborts
   */
  async *listing(signal: AbortSignal): AsyncGenerator<readonly ListedFile[]> {
    for (;;) {
      const message = await this.#next(signal);
      if (message.kind === "listingEnd") return;
      if (message.kind !== "listed") throw unreadable("it cannot be listed");
      yield message.files;
      this.#taken(LISTED_WEIGHT);
    }
  }

  /**
   * The bytes of the files, one after the other, once all are listed.
   * @param expected how many there must be
   * @param names the files that are meant, in their order in the archive; all of them unless given
   * @throws ManifestError; AbortError when `signal` aborts
   */
  async *bytes(expected: number, signal: AbortSignal, names?: readonly string[]): AsyncGenerator<Buffer> {
    const choice: UnpackChoice = names === undefined ? {} : { names };
    this.#worker.postMessage(choice, []);
    Atomics.store(this.#flow, FLOW_SLOTS.goOn, 1);
    Atomics.notify(this.#flow, FLOW_SLOTS.goOn);
    let seen = 0;
    for (;;) {
      const message = await this.#next(signal);
      if (message.kind === "end") break;
      if (message.kind !== "bytes") continue;
      const bytes = Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength);
      seen += bytes.length;
      if (seen > expected) throw unreadable("it holds more than it lists");
      yield bytes;
      this.#taken(bytes.length);
    }
    if (seen < expected) throw unreadable("it holds less than it lists");
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * The next message; a failure that the thread reports is thrown.
   * @throws ManifestError; AbortError when `signal` aborts
   */
  async #next(signal: AbortSignal): Promise<Exclude<UnpackMessage, { kind: "failed" }>> {
    const message = this.#arrived.shift() ?? (await this.#wait(signal));
    if (message.kind === "failed") throw this.#failure(message);
    return message;
  }

  /** Makes room for more. */
  #taken(bytes: number): void {
    Atomics.sub(this.#flow, FLOW_SLOTS.pending, bytes);
    Atomics.notify(this.#flow, FLOW_SLOTS.pending);
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
