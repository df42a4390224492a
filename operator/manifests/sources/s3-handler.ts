import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";

/** What the AWS SDK hands to whoever sends its requests: signed, and to be sent as it is. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

/** Sends the AWS SDK's requests. It becomes its `requestHandler`. */
export interface SdkHandler {
  readonly metadata: { readonly handlerProtocol: string };
  handle(request: SdkRequest, options?: { abortSignal?: unknown }): Promise<{ response: SdkResponse }>;
  destroy(): void;
  /** Both are asked for by the SDK where it changes its settings; there are none here. */
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

/**
 * Lets the AWS SDK's requests go through a dispatcher, and so only where its egress policy allows; the SDK's own
 * handler would connect anywhere. The signature is over the path as it stands, so nothing is normalised.
 * @param idleMs how long to wait for the header, and then for each next piece of the body
 */
export function sdkHandler(dispatcher: Dispatcher, idleMs: number): SdkHandler {
  return {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request, { abortSignal } = {}) {
      const { protocol, hostname, port, method } = request;
      const { statusCode, headers, body } = await dispatcher.request({
        origin: `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`,
        path: request.path + queryOf(request.query ?? {}),
        method,
        headers: withoutExpect(request.headers),
        body: request.body ?? null,
        headersTimeout: idleMs,
        bodyTimeout: idleMs,
        signal: abortSignal instanceof AbortSignal ? abortSignal : null,
      });
      return { response: { statusCode, headers: flat(headers), body } };
    },
    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  };
}

/** undici does not speak `Expect: 100-continue`, which is not signed and may be left out. */
function withoutExpect(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "expect"));
}

function queryOf(query: Readonly<Record<string, string | string[] | null>>): string {
  const parts = Object.entries(query).flatMap(([key, value]) => {
    if (value === null) return [escaped(key)];
    return (Array.isArray(value) ? value : [value]).map((each) => `${escaped(key)}=${escaped(each)}`);
  });
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** As signatures have it: RFC 3986's unreserved characters stand for themselves, and no others. */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function flat(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
    ),
  );
}
