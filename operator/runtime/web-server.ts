import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

export interface WebServerOptions {
  /** What is served, in a word: `health`, `metrics`. */
  what: string;
  /** The address to listen on; all by default. */
  host?: string | undefined;
  /** 0 takes a free one. */
  port: number;
  answer: (request: IncomingMessage) => Answer | Promise<Answer>;
  log?: Logger | undefined;
}

export const TEXT = "text/plain; charset=utf-8";

/** A small HTTP server for what a cluster asks a process: bounded in connections and in time, without TLS. */
export class WebServer {
  readonly #o: WebServerOptions;
  readonly #log: Logger;
  readonly #server: Server;

  constructor(o: WebServerOptions) {
    this.#o = o;
    this.#log = (o.log ?? silentLogger).child({ module: o.what });
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.requestTimeout = 10_000;
    this.#server.headersTimeout = 10_000;
    this.#server.maxConnections = 100;
  }

  /**
   * Listens. Returns where.
   * @throws Error when the address is taken or not ours
   */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port, what } = this.#o;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const { address, port: taken } = this.#server.address() as AddressInfo;
    this.#log.info({ host: address, port: taken }, `serving ${what}`);
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#o.answer(request);
    } catch (error) {
      this.#log.error({ err: error }, `a request for ${this.#o.what} failed`);
      answer = { status: 500, contentType: TEXT, body: "internal error\n" };
    }
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }
}
