import { type Dispatcher, request } from "undici";
import { withDeadline } from "../../interop/caller/deadline.ts";
import { InteropError } from "../../interop/caller/errors.ts";
import { explainFailure } from "../../interop/caller/failure.ts";
import { type HttpAnswer, post } from "../../interop/caller/http.ts";
import { readRetryAfter } from "../../interop/caller/retry-after.ts";
import { createDispatcher } from "../../interop/egress/dispatcher.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";

export interface ExchangeOptions {
  /** The whole address that is posted to. */
  readonly url: string;
  /** PEM: whom to trust besides the public roots. */
  readonly ca?: string | undefined;
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const LARGE_BYTES = 1024 * 1024;
const MAX_THROTTLED_TRIES = 4;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Requests to a callee as they are, good and bad. Redirects are not followed. Whoever runs a check decides where
 * it connects, so no address is refused here.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #dispatcher: Dispatcher;

  /** @throws CaBundleUnreadable */
  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#dispatcher = this.#connect();
  }

  /**
   * Posts a body, whatever it is. A callee that says 429 is asked again a few times, at its own pace.
   * @throws InteropError when no answer came
   */
  async post(body: string, authorization: string | undefined): Promise<HttpAnswer> {
    const { url } = this.#options;
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const call = { url, headers, body, maxAnswerBytes: MAX_ANSWER_BYTES };
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#connected(body.length, (dispatcher) =>
        this.#within((signal) => post({ dispatcher, ...call }, signal)),
      );
      if (answer.status !== 429 || tries === MAX_THROTTLED_TRIES) return answer;
      const pause = readRetryAfter(answer.headers["retry-after"], Date.now()) ?? 1000 * tries;
      await this.#options.wait(Math.min(pause, LONGEST_PAUSE_MS), this.#options.signal);
    }
  }

  /** @throws InteropError when no answer came */
  async get(url: string, authorization: string | undefined): Promise<HttpAnswer> {
    return this.#within(async (signal) => {
      const headers = authorization === undefined ? {} : { authorization };
      const {
        statusCode,
        headers: got,
        body,
      } = await request(url, { dispatcher: this.#dispatcher, headers, signal });
      let text = "";
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString("latin1");
        if (text.length > MAX_ANSWER_BYTES) break;
      }
      return { status: statusCode, headers: got, body: text, cut: text.length > MAX_ANSWER_BYTES };
    });
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** Who refuses a large body without reading it closes the connection in a moment; nobody else may be on it then. */
  async #connected<T>(bytes: number, use: (dispatcher: Dispatcher) => Promise<T>): Promise<T> {
    if (bytes <= LARGE_BYTES) return use(this.#dispatcher);
    const alone = this.#connect();
    try {
      return await use(alone);
    } finally {
      await alone.destroy();
    }
  }

  #connect(): Dispatcher {
    const { ca, timeoutMs } = this.#options;
    return createDispatcher(new EgressPolicy({ allowCidrs: ["0.0.0.0/0", "::/0"] }), {
      ...(ca === undefined ? {} : { ca }),
      connectTimeoutMs: Math.min(10_000, timeoutMs),
      headersTimeoutMs: timeoutMs + 1000,
      bodyTimeoutMs: timeoutMs + 1000,
    });
  }

  async #within(call: (signal: AbortSignal) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const { timeoutMs: ms, signal, url } = this.#options;
    const { host } = new URL(url);
    const timedOut = (): InteropError =>
      new InteropError({ reason: "Timeout", transient: true, message: `no answer within ${ms / 1000} s` });
    return withDeadline({ ms, signal, timedOut }, async (signal) => {
      try {
        return await call(signal);
      } catch (error) {
        throw explainFailure(error, host);
      }
    });
  }
}
