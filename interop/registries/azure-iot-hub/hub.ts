import { type Dispatcher, request } from "undici";
import { withDeadline } from "../../caller/deadline.ts";
import type { z } from "zod";
import { type BulkOperation, type Fate, readBulkResult } from "./bulk.ts";
import type { Clock } from "./clock.ts";
import { type HttpExchange, type HubAnswer, type HubFailure, parseJson, readFailure } from "./failure.ts";
import { type Identity, identitySchema, type Twin, twinSchema } from "./identity.ts";
import type { Pace } from "./pace.ts";
import { type HubTokens, TokenUnavailable } from "./token.ts";

/**
 * Version of the service API ("IoT Hub Gateway Service APIs"). Not a later preview: this is the newest that
 * is generally available, and all regions and clouds have it.
 */
export const HUB_API_VERSION = "2021-04-12";

export interface HubOptions {
  /** Host name, as in `contoso.azure-devices.net`. */
  host: string;
  tokens: HubTokens;
  clock: Clock;
  dispatcher: Dispatcher;
  /** For one request, in milliseconds. */
  requestTimeoutMs: number;
  /** Calls of the identity registry, and of twins: the hub counts them apart. */
  paces: { identity: Pace; twin: Pace };
}

/**
 * The calls of the hub that are needed, each made once: whoever calls decides what is tried again.
 * @throws the signal's reason once it fires; nothing else
 */
export interface Hub {
  /** @returns what became of each operation, by device name; or why all of it failed */
  bulk(operations: readonly BulkOperation[], signal: AbortSignal): Promise<HubAnswer<Map<string, Fate>>>;
  identity(name: string, signal: AbortSignal): Promise<HubAnswer<Identity>>;
  /** Replaces an identity, if it still has the ETag that it brings. */
  update(identity: Identity, signal: AbortSignal): Promise<HubAnswer<Identity>>;
  twin(name: string, signal: AbortSignal): Promise<HubAnswer<Twin>>;
  /** Adds tags to a twin, if it still has this ETag. */
  tag(name: string, etag: string, tags: object, signal: AbortSignal): Promise<HubAnswer<Twin>>;
}

interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH";
  path: string;
  pace: Pace;
  body?: object;
  ifMatch?: string;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const UNREADABLE: HubFailure = { meaning: "Transient", reason: "an answer that cannot be read" };

export function createHub(options: HubOptions): Hub {
  const { tokens, clock, paces } = options;

  async function exchange(call: Call, token: string, signal: AbortSignal): Promise<HttpExchange> {
    const answer = await request(`https://${options.host}${call.path}?api-version=${HUB_API_VERSION}`, {
      method: call.method,
      dispatcher: options.dispatcher,
      signal,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
        ...(call.ifMatch === undefined ? {} : { "if-match": `"${call.ifMatch}"` }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_ANSWER_BYTES) break; // leaving the loop ends the connection
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString("utf8");
    return { status: answer.statusCode, headers: answer.headers, body };
  }

  /** One request; a token that is refused is exchanged once. */
  async function send(call: Call, signal: AbortSignal): Promise<HubAnswer<HttpExchange>> {
    const pause = await call.pace.take(signal);
    signal.throwIfAborted();
    if (pause > 0) {
      return { failure: { meaning: "Throttled", reason: "the hub asked for a pause", retryAfterMs: pause } };
    }
    try {
      for (let first = true; ; first = false) {
        const token = await tokens.token(signal);
        const value = await withDeadline(
          { ms: options.requestTimeoutMs, signal, timedOut: () => new Error("timed out") },
          (inner) => exchange(call, token, inner),
        );
        if (value.status !== 401) return { value };
        tokens.refused(token);
        if (!first) return { value };
      }
    } catch (error) {
      signal.throwIfAborted();
      return { failure: unsent(error) };
    }
  }

  function failed(answer: HttpExchange, call: Call): { failure: HubFailure } {
    const failure = readFailure(answer, clock.now());
    if (failure.meaning === "Throttled") call.pace.hold(failure.retryAfterMs ?? 0);
    return { failure };
  }

  async function ask<T>(call: Call, schema: z.ZodType<T>, signal: AbortSignal): Promise<HubAnswer<T>> {
    const sent = await send(call, signal);
    if ("failure" in sent) return sent;
    const answer = sent.value;
    if (answer.status !== 200) return failed(answer, call);
    const parsed = schema.safeParse(parseJson(answer.body));
    return parsed.success ? { value: parsed.data } : { failure: UNREADABLE };
  }

  return {
    async bulk(operations, signal) {
      const call: Call = { method: "POST", path: "/devices", pace: paces.identity, body: [...operations] };
      const sent = await send(call, signal);
      if ("failure" in sent) return sent;
      const answer = sent.value;
      if (answer.status !== 200 && answer.status !== 400) return failed(answer, call);
      const names = operations.map(({ id }) => id);
      const fates = readBulkResult(parseJson(answer.body), names);
      if (fates !== undefined) return fates;
      return answer.status === 400 ? failed(answer, call) : { failure: UNREADABLE };
    },
    identity: (name, signal) =>
      ask({ method: "GET", path: devicePath(name), pace: paces.identity }, identitySchema, signal),
    update: (identity, signal) =>
      ask(
        {
          method: "PUT",
          path: devicePath(identity.deviceId),
          pace: paces.identity,
          body: identity,
          ifMatch: identity.etag,
        },
        identitySchema,
        signal,
      ),
    twin: (name, signal) =>
      ask({ method: "GET", path: twinPath(name), pace: paces.twin }, twinSchema, signal),
    tag: (name, etag, tags, signal) =>
      ask(
        { method: "PATCH", path: twinPath(name), pace: paces.twin, body: { tags }, ifMatch: etag },
        twinSchema,
        signal,
      ),
  };
}

const devicePath = (name: string): string => `/devices/${encodeURIComponent(name)}`;
const twinPath = (name: string): string => `/twins/${encodeURIComponent(name)}`;

/** Why there is no answer; the reason is a code, never what somebody else wrote. */
function unsent(error: unknown): HubFailure {
  if (error instanceof TokenUnavailable) {
    return { meaning: error.transient ? "Transient" : "NotPermitted", reason: error.message };
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return { meaning: "Transient", reason: typeof code === "string" ? code : "no answer in time" };
}
