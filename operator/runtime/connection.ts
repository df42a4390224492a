import { createHash } from "node:crypto";
import type { RequestOptions as HttpsOptions } from "node:https";

import { HttpMethod, KubeConfig, RequestContext } from "@kubernetes/client-node";
import type { Cluster } from "@kubernetes/client-node";
import { Agent, ProxyAgent, request as send } from "undici";
import type { buildConnector, Dispatcher } from "undici";

import { ApiError } from "./api-error.ts";
import { monotonic } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { untilAborted, withDeadline } from "./deadline.ts";

/** One request to the API server. */
export interface ApiRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the server's root, with its leading slash. */
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** Of the body; `application/json` by default. */
  contentType?: string;
}

/** How long credentials are used before the kubeconfig's files are looked at again. client-go takes a minute. */
const CREDENTIALS_FRESH_MS = 10_000;
/** An exec plugin that has said nothing by then is left alone, and asked again with the next request. */
const CREDENTIALS_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Below the 90 s after which kube-apiserver closes an idle connection, so that we close first. */
const IDLE_CONNECTION_MS = 30_000;

/** Writes of these are how a process comes to know whether it may write. */
const LEASES = "/apis/coordination.k8s.io/";

export interface ConnectionOptions {
  clock: Clock;
  userAgent: string;
  /** Asked when a write (but for leases) is about to leave: a process that was suspended must not finish its sentence. */
  mayWrite?: (() => boolean) | undefined;
  /** Told of each request that was sent, for metrics: its method, and the answer's status if there was one. */
  onAnswer?: ((method: ApiRequest["method"], status: number | undefined) => void) | undefined;
  /** Sent with every request, such as Impersonate-User: whatever happens to the credentials, never left out. */
  headers?: Readonly<Record<string, string | string[]>> | undefined;
}

interface Credentials {
  readonly headers: Record<string, string>;
  readonly dispatcher: Dispatcher;
  readonly readAt: number;
}

/**
 * The way to one API server: connections that are kept and shared (the library makes a new pool for each call),
 * and credentials from the kubeconfig (static, files that rotate, exec plugins, OIDC), read anew when they age
 * or are refused.
 */
export class Connection {
  #config: KubeConfig;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #mayWrite: (() => boolean) | undefined;
  readonly #onAnswer: NonNullable<ConnectionOptions["onAnswer"]>;
  readonly #headers: Readonly<Record<string, string | string[]>>;
  #known: Credentials | undefined;
  #reading: Promise<Credentials> | undefined;
  #dispatcher: { readonly fingerprint: string; readonly dispatcher: Dispatcher } | undefined;
  #closed = false;
  readonly #retired = new Set<Dispatcher>();

  /** @throws Error when the kubeconfig names no cluster */
  constructor(config: KubeConfig, o: ConnectionOptions) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) {
      throw new Error(
        "the kubeconfig has no current cluster: set current-context to a context whose cluster is defined",
      );
    }
    if (cluster.server.startsWith("http:") && !cluster.skipTLSVerify) {
      throw new Error(
        `cluster ${cluster.name} is served over plain http: credentials go there only when it says insecure-skip-tls-verify`,
      );
    }
    this.#config = config;
    this.#cluster = cluster;
    this.#clock = o.clock;
    this.#userAgent = o.userAgent;
    this.#mayWrite = o.mayWrite;
    this.#onAnswer = o.onAnswer ?? (() => {});
    this.#headers = Object.fromEntries(
      Object.entries(o.headers ?? {}).map(([name, value]) => [
        name,
        typeof value === "string" ? inUtf8(value) : value.map(inUtf8),
      ]),
    );
  }

  /** Scheme, host and port, for messages. */
  get server(): string {
    return new URL(this.#cluster.server).origin;
  }

  /**
   * Sends one request; a 401 is answered once with fresh credentials (the server refuses before it acts, so that
   * this is safe for writes too). The signal holds for the body too.
   * @throws ApiError with status 0 when no answer came; the signal's reason when it was aborted
   */
  async exchange(request: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    if (this.#closed) {
      const what = `${request.method} ${request.path}`;
      throw new ApiError(`${what}: the client is closed`, { status: 0, reason: "Closed" });
    }
    const used = await untilAborted(signal, this.#current());
    const first = await this.#send(request, used, signal);
    if (first.statusCode !== 401) return first;
    await first.body.dump();
    this.#forget(used);
    return this.#send(request, await untilAborted(signal, this.#current()), signal);
  }

  /** Ends all connections. Requests under way fail, and so do all later ones. */
  async close(): Promise<void> {
    this.#closed = true;
    const last = this.#dispatcher;
    this.#dispatcher = undefined;
    this.#known = undefined;
    await last?.dispatcher.destroy();
    await Promise.all([...this.#retired].map((dispatcher) => dispatcher.destroy()));
  }

  async #send(
    request: ApiRequest,
    { headers, dispatcher }: Credentials,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    try {
      const response = await send(this.#url(request), {
        dispatcher: this.#guarded(request, dispatcher),
        method: request.method,
        headers: {
          ...headers,
          ...this.#headers,
          accept: "application/json",
          "user-agent": this.#userAgent,
          ...(body === null ? {} : { "content-type": request.contentType ?? "application/json" }),
        },
        body,
        signal,
        // Deadlines and stalls are the caller's: its signal ends both phases.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      this.#onAnswer(request.method, response.statusCode);
      return response;
    } catch (error) {
      this.#onAnswer(request.method, undefined);
      throw connectionError(error, signal, `${request.method} ${request.path}`, this.server);
    }
  }

  /** The dispatcher for a request: one that asks before a write leaves, where that is to be asked. */
  #guarded(request: ApiRequest, dispatcher: Dispatcher): Dispatcher {
    const mayWrite = this.#mayWrite;
    if (mayWrite === undefined || request.method === "GET" || request.path.startsWith(LEASES))
      return dispatcher;
    const what = `${request.method} ${request.path}`;
    const late = (): ApiError =>
      new ApiError(`${what}: not sent, because the lease was not renewed of late`, {
        status: 0,
        reason: "NotLeading",
      });
    return dispatcher.compose((dispatch) => (options, handler) => {
      const start = handler.onRequestStart?.bind(handler);
      handler.onRequestStart = (controller, context) => {
        start?.(controller, context);
        if (!mayWrite()) controller.abort(late());
      };
      return dispatch(options, handler);
    });
  }

  #url(request: ApiRequest): string {
    const url = new URL(this.#cluster.server.replace(/\/+$/u, "") + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url.href;
  }

  async #current(): Promise<Credentials> {
    const age = this.#known === undefined ? Infinity : monotonic(this.#clock) - this.#known.readAt;
    if (this.#known !== undefined && age < CREDENTIALS_FRESH_MS) return this.#known;
    this.#reading ??= withDeadline(
      { clock: this.#clock, ms: CREDENTIALS_TIMEOUT_MS, late: () => this.#noCredentials("no answer") },
      () => this.#readCredentials(),
    ).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * Of many requests that were refused with the same credentials, the first makes them be read anew.
   * A KubeConfig of its own has authenticators of its own: no cached token of the old one survives.
   */
  #forget(used: Credentials): void {
    if (this.#known !== used) return;
    this.#known = undefined;
    const { clusters, users, contexts, currentContext } = this.#config;
    const fresh = new KubeConfig();
    fresh.loadFromOptions({ clusters, users, contexts, currentContext });
    this.#config = fresh;
  }

  async #readCredentials(): Promise<Credentials> {
    const options: HttpsOptions = {};
    try {
      await this.#config.applyToHTTPSOptions(options);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(options.headers ?? {}))
        headers[name.toLowerCase()] = inUtf8(String(value));
      if (typeof options.auth === "string") {
        headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
      }
      const dispatcher = await this.#dispatcherFor(options);
      this.#known = { headers, dispatcher, readAt: monotonic(this.#clock) };
      return this.#known;
    } catch (error) {
      // Neither the library's message nor its error as the cause: an exec plugin's standard error may hold anything.
      throw this.#noCredentials(codeOf(error));
    }
  }

  #noCredentials(code: string | undefined): ApiError {
    const hint = code === undefined ? "" : ` (${code})`;
    return new ApiError(
      `cannot read the credentials for ${this.server}${hint}: check the user of the current context (files, exec command)`,
      { status: 0, reason: "Credentials" },
    );
  }

  async #dispatcherFor(options: HttpsOptions): Promise<Dispatcher> {
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const fingerprint = createHash("sha256").update(JSON.stringify(tls)).digest("hex");
    const before = this.#dispatcher;
    if (before?.fingerprint === fingerprint) return before.dispatcher;
    const dispatcher = await this.#makeDispatcher(tls);
    this.#dispatcher = { fingerprint, dispatcher };
    if (before !== undefined) this.#retire(before.dispatcher);
    return dispatcher;
  }

  async #makeDispatcher(tls: Record<string, unknown>): Promise<Dispatcher> {
    const made = this.#config.createDispatcherOptions(this.#cluster, tls);
    const connect: buildConnector.BuildOptions = { timeout: CONNECT_TIMEOUT_MS, keepAlive: true };
    // HTTP/1.1: a connection that hangs then takes one request with it, not every watch and the lease.
    const pool = {
      allowH2: false,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      connect,
    };
    if (made.type === "socks") {
      const context = new RequestContext(this.#cluster.server, HttpMethod.GET);
      await this.#config.applySecurityAuthentication(context);
      return context.getDispatcher() ?? new Agent(pool);
    }
    if (made.type === "proxy") {
      const requestTls: buildConnector.BuildOptions = {};
      Object.assign(requestTls, made.requestTls);
      return new ProxyAgent({ ...pool, uri: made.uri, requestTls });
    }
    if (made.type === "agent") Object.assign(connect, made.connect);
    return new Agent(pool);
  }

  /** Certificates have changed: what is under way ends on the old connections, nothing new begins there. */
  #retire(dispatcher: Dispatcher): void {
    this.#retired.add(dispatcher);
    dispatcher
      .close()
      .catch(() => undefined)
      .finally(() => this.#retired.delete(dispatcher));
  }
}

/** The words for what went wrong on the way, without the address's secrets or the library's inner text. */
export function connectionError(error: unknown, signal: AbortSignal, what: string, server: string): Error {
  if (error instanceof ApiError) return error;
  if (signal.aborted && signal.reason instanceof Error) return signal.reason;
  const code = codeOf(error) ?? (error instanceof Error ? error.name : "unknown");
  const broken = code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
  const reason = broken ? "ConnectionBroken" : "ConnectionFailed";
  const text = broken ? `the connection to ${server} broke` : `cannot reach ${server}`;
  return new ApiError(`${what}: ${text} (${code})`, { status: 0, reason, cause: error });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "string") return code;
  return error.cause === undefined ? undefined : codeOf(error.cause);
}

/**
 * A header's value so that it leaves as UTF-8: the API server takes the bytes of `Impersonate-User` as they come, and as
 * kubectl sends them (only the keys of `Impersonate-Extra-` are percent-encoded), while here each character is one byte.
 */
function inUtf8(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}
