import type { Readable } from "node:stream";

import { ApiError, type FieldCause } from "./api-error.ts";
import { abortReason } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { KubeObject } from "./objects.ts";

/** What a watch tells. A bookmark says only how far the server has got. */
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; resourceVersion: string };

/** Above what one object can be: etcd takes 1.5 MiB, JSON escapes may multiply that. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** Of a refused object: as many as a form has fields, each as long as a sentence. */
const MOST_CAUSES = 100;
const LONGEST_CAUSE = 500;

interface ReadOptions {
  clock: Clock;
  /** A stream that is silent for this long is given up: with bookmarks asked for, a live server speaks each minute. */
  stallTimeoutMs: number;
  signal: AbortSignal;
  /** The request, for messages. */
  what: string;
}

/**
 * Reads a watch's lines as events until the server ends it. A half line at the end is dropped: its event comes
 * again with the next watch.
 * @throws ApiError: the Status of an ERROR event, `Stalled`, `ConnectionBroken` or `BadAnswer`; the signal's reason
 */
export async function* readWatch<T extends KubeObject>(
  body: Readable,
  o: ReadOptions,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of readLines(body, o)) {
    const event = parseEvent(line, o.what);
    // The server says of what kind the objects are.
    if (event !== undefined) yield event as WatchEvent<T>;
  }
}

async function* readLines(body: Readable, o: ReadOptions): AsyncGenerator<string> {
  let failure: Error | undefined;
  const end = (error: Error): void => {
    failure ??= error;
    body.destroy();
  };
  const onAbort = (): void => end(abortReason(o.signal));
  const watchdog = new Watchdog(o.clock, o.stallTimeoutMs, () =>
    end(
      new ApiError(`${o.what}: the server has said nothing for ${o.stallTimeoutMs} ms`, {
        status: 0,
        reason: "Stalled",
      }),
    ),
  );
  o.signal.addEventListener("abort", onAbort, { once: true });
  if (o.signal.aborted) onAbort();
  try {
    const parts: Buffer[] = [];
    let held = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      watchdog.feed();
      let from = 0;
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
        parts.push(chunk.subarray(from, at));
        from = at + 1;
        const line = Buffer.concat(parts).toString("utf8");
        parts.length = 0;
        held = 0;
        if (line !== "") yield line;
        // The time that the reader took is not the server's silence.
        watchdog.feed();
      }
      if (from < chunk.length) {
        parts.push(chunk.subarray(from));
        held += chunk.length - from;
        if (held > MAX_LINE_BYTES) throw badAnswer(o.what, `a line is longer than ${MAX_LINE_BYTES} bytes`);
      }
    }
    if (failure !== undefined) throw failure;
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (error instanceof ApiError) throw error;
    throw new ApiError(`${o.what}: the connection broke`, {
      status: 0,
      reason: "ConnectionBroken",
      cause: error,
    });
  } finally {
    watchdog.stop();
    o.signal.removeEventListener("abort", onAbort);
    body.destroy();
  }
}

/** Calls back when it is not fed for a while. One timer is set at a time, however often it is fed. */
class Watchdog {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #bark: () => void;
  #fedAt: number;
  #timer: { cancel(): void } | undefined;

  constructor(clock: Clock, ms: number, bark: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#bark = bark;
    this.#fedAt = this.#read();
    this.#arm(ms);
  }

  feed(): void {
    this.#fedAt = this.#read();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      const left = this.#ms - (this.#read() - this.#fedAt);
      if (left <= 0) this.#bark();
      else this.#arm(left);
    }, ms);
  }

  #read(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }
}

function parseEvent(line: string, what: string): WatchEvent<KubeObject> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    throw badAnswer(what, "a line is not JSON");
  }
  const { type, object } = asRecord(parsed);
  const body = asRecord(object);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: object as KubeObject };
    case "BOOKMARK": {
      const version = asRecord(body["metadata"])["resourceVersion"];
      return typeof version === "string" ? { type, resourceVersion: version } : undefined;
    }
    case "ERROR":
      throw statusError(what, body, typeof body["code"] === "number" ? body["code"] : 500);
    default:
      throw badAnswer(what, "an event is of no known type");
  }
}

/**
 * A Kubernetes Status as an error.
 * @param quiet leaves out the server's words (of Secrets they may quote a value)
 */
export function statusError(
  what: string,
  status: Record<string, unknown>,
  code: number,
  o: { retryAfterMs?: number | undefined; quiet?: boolean } = {},
): ApiError {
  const isStatus = status["kind"] === "Status";
  const reason =
    isStatus && typeof status["reason"] === "string" && status["reason"] !== ""
      ? status["reason"]
      : `Http${code}`;
  const said = isStatus && o.quiet !== true && typeof status["message"] === "string" ? status["message"] : "";
  const { retryAfterSeconds: seconds, causes } = asRecord(status["details"]);
  const retryAfterMs = o.retryAfterMs ?? (typeof seconds === "number" ? seconds * 1000 : undefined);
  const words = said === "" ? "" : `: ${said.length > 500 ? `${said.slice(0, 500)}…` : said}`;
  return new ApiError(`${what}: ${code} ${reason}${words}`, {
    status: code,
    reason,
    fields: o.quiet === true ? [] : fieldCauses(causes),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function fieldCauses(causes: unknown): FieldCause[] {
  return (Array.isArray(causes) ? causes : []).slice(0, MOST_CAUSES).flatMap((cause: unknown) => {
    const { field, message } = asRecord(cause);
    return typeof field === "string" && typeof message === "string"
      ? [{ field, message: message.slice(0, LONGEST_CAUSE) }]
      : [];
  });
}

/** Without a cause: what JSON.parse throws quotes the body. */
export function badAnswer(what: string, text: string): ApiError {
  return new ApiError(`${what}: ${text}`, { status: 0, reason: "BadAnswer" });
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
