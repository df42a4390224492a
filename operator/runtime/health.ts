import type { IncomingMessage } from "node:http";

import { answerLogLevel } from "./log-level.ts";
import { silentLogger } from "./logger.ts";
import type { LevelSwitch, Logger } from "./logger.ts";
import { TEXT, WebServer } from "./web-server.ts";
import type { Answer } from "./web-server.ts";

/** Says in a few words what is wrong, or undefined when nothing is. Looks only at what is in memory. */
export type HealthCheck = () => string | undefined;

export interface HealthServerOptions {
  /** The address to listen on; all by default, as a kubelet asks from outside. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Served and changed at `/log-level`, where there is one. */
  logLevel?: LevelSwitch;
  log?: Logger;
}

type Endpoint = "livez" | "readyz";

/**
 * `/livez` and `/readyz` for a kubelet and for people, in the API server's manner: `ok` when all is well, every
 * check with its state when not or when asked (`?verbose`); `?exclude=name` leaves checks out; `/livez/name` asks
 * one. `/healthz` is `/livez`. `/log-level` tells how much is logged, and takes another level from the pod itself.
 */
export class HealthServer {
  readonly #o: HealthServerOptions;
  readonly #log: Logger;
  readonly #server: WebServer;
  readonly #checks: Record<Endpoint, Map<string, HealthCheck>> = { livez: new Map(), readyz: new Map() };

  constructor(o: HealthServerOptions) {
    this.#o = o;
    this.#log = (o.log ?? silentLogger).child({ module: "health" });
    this.#server = new WebServer({
      what: "health",
      host: o.host,
      port: o.port,
      log: o.log,
      answer: (request) => this.#answer(request),
    });
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
    return this.#server.listen();
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  #add(endpoint: Endpoint, name: string, check: HealthCheck): void {
    if (this.#checks[endpoint].has(name)) throw new Error(`there is a ${endpoint} check ${name} already`);
    this.#checks[endpoint].set(name, check);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? "/", "http://health");
    const { logLevel } = this.#o;
    if (url.pathname === "/log-level" && logLevel !== undefined) {
      return answerLogLevel(request, logLevel, this.#log);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return { status: 405, contentType: TEXT, body: "only GET is answered here\n" };
    }
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
