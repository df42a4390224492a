import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

import { KubeConfig } from "@kubernetes/client-node";
import type { Cluster, User } from "@kubernetes/client-node";

/** A request as it came. */
export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: unknown;
  /** Of the connection that it came on. */
  peerSerial: string | undefined;
}

export type Answer = (response: ServerResponse, request: Received) => void;

/** A server that answers as a test tells it. */
export class ScriptedServer {
  readonly received: Received[] = [];
  connections = 0;
  readonly #server: Server;
  /** Answers for the next requests; when they are used up, `otherwise` answers. */
  readonly next: Answer[] = [];
  otherwise: Answer = answer(404, status(404, "NotFound", "not found"));

  private constructor(tls: ServerOptions | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response);
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on(tls === undefined ? "connection" : "secureConnection", () => {
      this.connections += 1;
    });
  }

  static async start(tls?: ServerOptions): Promise<ScriptedServer> {
    const server = new ScriptedServer(tls);
    await new Promise<void>((resolve) => {
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** A kubeconfig for this server. */
  config(user: Partial<User> = {}, cluster: Partial<Cluster> = {}): KubeConfig {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "scripted", server: `http://127.0.0.1:${this.port}`, skipTLSVerify: true, ...cluster },
      { name: "tester", token: "first-token", ...user },
    );
    return config;
  }

  /** Ends every connection as a crash would. */
  disconnect(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const url = new URL(request.url ?? "/", "http://scripted");
    const text = Buffer.concat(chunks).toString();
    const peer: unknown = Reflect.get(request.socket, "getPeerCertificate");
    const certificate: unknown =
      typeof peer === "function" ? Reflect.apply(peer, request.socket, []) : undefined;
    const received: Received = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === "" ? undefined : JSON.parse(text),
      peerSerial: (certificate as { serialNumber?: string } | undefined)?.serialNumber,
    };
    this.received.push(received);
    (this.next.shift() ?? this.otherwise)(response, received);
  }
}

/** An answer with a JSON body, or with a text as it is. */
export function answer(code: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(code, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

/** No answer at all: the connection stays open, or is broken. */
export const silence: Answer = () => undefined;
export const brokenConnection: Answer = (response) => response.destroy();

/** A Kubernetes Status of failure. */
export function status(code: number, reason: string, message: string): unknown {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}

/** A Kubernetes list. */
export function listOf(items: unknown[], resourceVersion: string, more?: string): unknown {
  return { kind: "List", apiVersion: "v1", metadata: { resourceVersion, continue: more }, items };
}
