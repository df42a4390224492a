import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";

/** Says in a few words what is wrong, or undefined when nothing is. Looks only at what is in memory. */
export type HealthCheck = () => string | undefined;

/** Answers GETs of another path of the server: metrics, for one. */
export type Route = () =>
  | { contentType: string; body: string }
  | Promise<{ contentType: string; body: string }>;

export interface HealthServerOptions {
  /** The address to listen on; all by default, as a kubelet asks from outside. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Further paths, such as `/metrics`. */
  routes?: Record<string, Route>;
  log?: Logger;
}

type Endpoint = "livez" | "readyz";

interface Answer {
  status: number;
  contentType: string;
  body: string;
}

const TEXT = "text/plain; charset=utf-8";

/**
 * `/livez` and `/readyz` for a kubelet and for people, in the API server's manner: `ok` when all is well, every
 * check with its state when not or when asked (`?verbose`); `?exclude=name` leaves checks out; `/livez/name` asks
 * one. `/healthz` is `/livez`.
 */
export class HealthServer {
  readonly #o: HealthServerOptions;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #checks: Record<Endpoint, Map<string, HealthCheck>> = { livez: new Map(), readyz: new Map() };

  constructor(o: HealthServerOptions) {
    this.#o = o;
    this.#log = (o.log ?? silentLogger).child({ module: "health" });
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.requestTimeout = 10_000;
    this.#server.headersTimeout = 10_000;
    this.#server.maxConnections = 100;
  }

  /** What must hold for the process not to be restarted. */
  addLivez(name: string, check: HealthCheck): void {
    this.#add("livez", name, check);
  }

  /** What must hold for the process to be called ready. */
  addReadyz(name: string, check: HealthCheck): void {
    this.#add("readyz", name, check);
  }

  /**
   * Listens. Returns where.
   * @throws Error when the address is taken or not ours
   */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#o;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const { address, port: taken } = this.#server.address() as AddressInfo;
    this.#log.info({ host: address, port: taken }, "serving health");
    return { host: address, port: taken };
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #add(endpoint: Endpoint, name: string, check: HealthCheck): void {
    if (this.#checks[endpoint].has(name)) throw new Error(`there is a ${endpoint} check ${name} already`);
    this.#checks[endpoint].set(name, check);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#log.error({ err: error }, "a health request failed");
      answer = { status: 500, contentType: TEXT, body: "internal error\n" };
    }
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? "/", "http://health");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return { status: 405, contentType: TEXT, body: "only GET is answered here\n" };
    }
    const route = Object.hasOwn(this.#o.routes ?? {}, url.pathname)
      ? this.#o.routes?.[url.pathname]
      : undefined;
    if (route !== undefined) return { status: 200, ...(await route()) };
    const [endpoint, name, ...rest] = url.pathname.slice(1).split("/");
    const named = endpoint === "healthz" ? "livez" : endpoint;
    if ((named !== "livez" && named !== "readyz") || rest.length > 0) {
      return { status: 404, contentType: TEXT, body: "not found\n" };
    }
    return this.#report(named, name, url.searchParams);
  }

  #report(endpoint: Endpoint, only: string | undefined, query: URLSearchParams): Answer {
    const excluded = new Set(query.getAll("exclude"));
    const lines: string[] = [];
    let failed = false;
    let asked = 0;
    for (const [name, check] of [["ping", () => undefined] as const, ...this.#checks[endpoint]]) {
      if (only !== undefined && only !== "" && name !== only) continue;
      asked += 1;
      if (excluded.has(name)) {
        lines.push(`[+]${name} excluded: ok`);
        continue;
      }
      const wrong = this.#run(check);
      failed ||= wrong !== undefined;
      lines.push(wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: ${wrong}`);
    }
    if (asked === 0)
      return { status: 404, contentType: TEXT, body: `there is no check ${endpoint}/${only}\n` };
    if (!failed && !query.has("verbose")) return { status: 200, contentType: TEXT, body: "ok" };
    lines.push(`${endpoint} check ${failed ? "failed" : "passed"}`, "");
    return { status: failed ? 500 : 200, contentType: TEXT, body: lines.join("\n") };
  }

  #run(check: HealthCheck): string | undefined {
    try {
      return check();
    } catch (error) {
      this.#log.error({ err: error }, "a health check threw");
      return "the check itself failed";
    }
  }
}
