import { freePort } from "../process/free-port.ts";
import { describeEnding, OwnedProcess } from "../process/owned-process.ts";
import { findToxiproxy } from "./source.ts";

/** What is done to a proxy's connections; names and units as toxiproxy has them (milliseconds, KB/s, bytes). */
export type Toxic =
  | { readonly type: "latency"; readonly latency: number; readonly jitter: number }
  | { readonly type: "bandwidth"; readonly rate: number }
  | { readonly type: "slow_close"; readonly delay: number }
  | { readonly type: "timeout"; readonly timeout: number }
  | { readonly type: "reset_peer"; readonly timeout: number }
  | {
      readonly type: "slicer";
      readonly average_size: number;
      readonly size_variation: number;
      /** Microseconds. */
      readonly delay: number;
    };

/** Upstream: what the client sends; downstream: what is answered. */
export type Stream = "upstream" | "downstream";

/** A way to a server on which things go wrong as one is told. */
export interface ToxicProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** @returns a function that takes it off again; connections stay as they are */
  add(toxic: Toxic, stream: Stream): Promise<() => Promise<void>>;
}

export interface Toxiproxy extends AsyncDisposable {
  /** Opens a way on a free port of 127.0.0.1 to another port of it. */
  open(name: string, upstreamPort: number): Promise<ToxicProxy>;
  stop(): Promise<void>;
}

const START_MS = 30_000;
const CALL_MS = 10_000;
const FIRST_START_TRIES = 3;

/**
 * Starts toxiproxy-server on loopback (https://github.com/Shopify/toxiproxy, HTTP API of 2.x).
 * @param seed for what it decides by chance
 * @throws Error when it is not to be had or does not start
 */
export async function startToxiproxy(options: { seed?: number } = {}): Promise<Toxiproxy> {
  const { path } = await findToxiproxy();
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const args = ["-host", "127.0.0.1", "-port", String(port), "-seed", String(options.seed ?? 1)];
    const server = await OwnedProcess.start({ command: path, args });
    try {
      await answers(port, server);
      return new RunningToxiproxy(server, `http://127.0.0.1:${port}`);
    } catch (error) {
      await server.kill();
      // A port that was free when it was chosen may be taken by the time it is listened on.
      if (attempt === FIRST_START_TRIES) throw error;
    }
  }
}

async function answers(port: number, server: OwnedProcess): Promise<void> {
  const until = performance.now() + START_MS;
  while (performance.now() < until) {
    if (server.ending !== undefined) break;
    try {
      await call(`http://127.0.0.1:${port}`, "GET", "/version");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const why =
    server.ending === undefined ? `no answer in ${START_MS / 1000} s` : describeEnding(server.ending);
  throw new Error(`toxiproxy-server did not start (${why}): ${server.tail("stderr").slice(-5).join("\n")}`);
}

class RunningToxiproxy implements Toxiproxy {
  readonly #server: OwnedProcess;
  readonly #api: string;
  #toxics = 0;

  constructor(server: OwnedProcess, api: string) {
    this.#server = server;
    this.#api = api;
  }

  async open(name: string, upstreamPort: number): Promise<ToxicProxy> {
    const made = await call(this.#api, "POST", "/proxies", {
      name,
      listen: "127.0.0.1:0",
      upstream: `127.0.0.1:${upstreamPort}`,
      enabled: true,
    });
    const port = Number(String(made["listen"]).split(":").at(-1));
    if (!(port > 0)) throw new Error(`toxiproxy did not say where ${name} listens`);
    return { port, add: (toxic, stream) => this.#add(name, toxic, stream) };
  }

  async stop(): Promise<void> {
    await this.#server.stop(2_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #add(proxy: string, toxic: Toxic, stream: Stream): Promise<() => Promise<void>> {
    const { type, ...attributes } = toxic;
    this.#toxics += 1;
    const name = `${type}-${this.#toxics}`;
    await call(this.#api, "POST", `/proxies/${proxy}/toxics`, {
      name,
      type,
      stream,
      toxicity: 1,
      attributes,
    });
    return async () => {
      await call(this.#api, "DELETE", `/proxies/${proxy}/toxics/${name}`);
    };
  }
}

async function call(
  api: string,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await fetch(api + path, {
    method,
    signal: AbortSignal.timeout(CALL_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path}: ${answer.status} ${text.slice(0, 200)}`);
  return text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
}
