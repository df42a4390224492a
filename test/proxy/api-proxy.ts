import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, createServer, request } from "node:https";
import type { RequestOptions } from "node:https";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { stringify } from "yaml";
import { issueServerCertificate } from "../../tools/factory/index.ts";
import { reapFolder } from "../../tools/process/reaper.ts";
import { type ApiWrite, readWrite } from "./api-write.ts";

/** What stands between an operator and the API server sees each write twice. */
export interface WriteHooks {
  /** Before the API server has it; false keeps it from ever getting there, and cuts the connection. */
  before?: (write: ApiWrite) => Promise<boolean> | boolean;
  /** After the API server has done it, before the operator is told; false cuts the connection instead. */
  after?: (write: ApiWrite, status: number) => Promise<boolean> | boolean;
  /** At each request, whatever it asks for; false has it answered with 503 in the API server's place. */
  any?: () => boolean;
}

/** An HTTPS proxy in front of an API server: everything passes, and writes of Certferry are shown to a test. */
export class ApiProxy {
  /** For an operator: the way through this proxy, with the rights of the kubeconfig that it was made with. */
  readonly kubeconfig: string;
  hooks: WriteHooks = {};
  readonly #server: ReturnType<typeof createServer>;
  readonly #upstream: RequestOptions;
  readonly #watches = new Set<{ plural: string; answer: IncomingMessage }>();
  readonly #held = new Set<string>();

  private constructor(server: ReturnType<typeof createServer>, upstream: RequestOptions, kubeconfig: string) {
    this.#server = server;
    this.#upstream = upstream;
    this.kubeconfig = kubeconfig;
    server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  /** @param kubeconfig path of one that leads to the API server. */
  static async start(kubeconfig: string): Promise<ApiProxy> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const url = new URL(config.getCurrentCluster()?.server ?? "");
    const upstream: RequestOptions = { host: url.hostname, port: url.port };
    await config.applyToHTTPSOptions(upstream);
    upstream.agent = new Agent({ keepAlive: true });

    const tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
    const server = createServer({ key: tls.keyPem, cert: tls.certPem });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const folder = await mkdtemp(join(tmpdir(), "certferry-proxy-"));
    reapFolder(folder);
    const path = join(folder, "kubeconfig");
    await writeFile(path, kubeconfigOf((server.address() as AddressInfo).port, tls.caPem), { mode: 0o600 });
    return new ApiProxy(server, upstream, path);
  }

  /** Lets nothing more through of what a kind's watches tell, until the returned function is called. */
  hold(plural: string): () => void {
    this.#held.add(plural);
    for (const watch of this.#watches) if (watch.plural === plural) watch.answer.pause();
    return () => {
      this.#held.delete(plural);
      for (const watch of this.#watches) if (watch.plural === plural) watch.answer.resume();
    };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
    if (this.#upstream.agent instanceof Agent) this.#upstream.agent.destroy();
    await rm(dirname(this.kubeconfig), { recursive: true, force: true });
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming);
    if (this.hooks.any?.() === false) {
      outgoing.writeHead(503).end();
      return;
    }
    const write = readWrite(incoming.method ?? "GET", incoming.url ?? "/", body);
    if (write !== undefined && (await this.hooks.before?.(write)) === false) {
      outgoing.destroy();
      return;
    }
    const answer = await this.#forward(incoming, outgoing, body);
    const head = answer.headers;
    const status = answer.statusCode ?? 502;
    if (write === undefined) {
      outgoing.writeHead(status, head);
      this.#stream(incoming.url ?? "", answer, outgoing);
      return;
    }
    // The whole answer is read first: the API server is done with the write then.
    const text = await readAll(answer);
    if ((await this.hooks.after?.(write, status)) === false) {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(status, head).end(text);
  }

  /** Sends a request on and gives what is answered. */
  #forward(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...this.#upstream,
          method: incoming.method,
          path: incoming.url,
          headers: { ...onward(incoming.headers), ...headersOf(this.#upstream) },
        },
        resolve,
      );
      sent.on("error", reject);
      // Who asked has gone: nobody waits for the answer, nor for the rest of a watch.
      outgoing.on("close", () => sent.destroy());
      sent.end(body);
    });
  }

  /** Passes an answer on as it comes; watches never end by themselves. */
  #stream(url: string, answer: IncomingMessage, outgoing: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, "https://api");
    const watch = searchParams.has("watch")
      ? { plural: pathname.split("/").at(-1) ?? "", answer }
      : undefined;
    if (watch !== undefined) this.#watches.add(watch);
    answer.on("data", (chunk: Buffer) => outgoing.write(chunk));
    answer.on("end", () => outgoing.end());
    answer.on("error", () => outgoing.destroy());
    answer.on("close", () => {
      if (watch !== undefined) this.#watches.delete(watch);
      outgoing.end();
    });
    if (watch !== undefined && this.#held.has(watch.plural)) answer.pause();
  }
}

function headersOf({ headers }: RequestOptions): Record<string, string> {
  const given = headers === undefined || Array.isArray(headers) ? {} : headers;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
}

function onward(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _connection, host: _host, "transfer-encoding": _encoding, ...others } = headers;
  return others;
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function kubeconfigOf(port: number, caPem: string): string {
  const ca = Buffer.from(caPem).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "proxy",
        cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": ca },
      },
    ],
    users: [{ name: "operator", user: {} }],
    contexts: [{ name: "proxy", context: { cluster: "proxy", user: "operator" } }],
    "current-context": "proxy",
  });
}
