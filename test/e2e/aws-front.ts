import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { request } from "undici";

import type { AwsEmulator } from "../../tools/aws-emulator/emulator.ts";
import { issueServerCertificate } from "../../tools/factory/index.ts";
import { reapFolder } from "../../tools/process/reaper.ts";

const FORWARD_DEADLINE_MS = 60_000;

/** AWS's names for the APIs of a region, for whoever uses the proxy and trusts the CA. */
export interface AwsFront {
  /** What makes an operator come this way. */
  readonly env: Readonly<Record<string, string>>;
  /** `METHOD PATH` of each request that came through, at AWS's name for the API. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Lets an operator reach the emulator's REST APIs under the addresses that they have in AWS,
 * `https://{id}.execute-api.{region}.amazonaws.com/{stage}`: an HTTPS proxy that leads every such name to a TLS
 * server of our own, which hands the requests on. So a CloudApi is used as the stack writes it.
 */
export async function startAwsFront(emulator: AwsEmulator): Promise<AwsFront> {
  const suffix = `.execute-api.${emulator.region}.amazonaws.com`;
  const { certPem, keyPem, caPem } = await issueServerCertificate({ hosts: [`*${suffix}`] });
  const folder = await mkdtemp(join(tmpdir(), "certferry-front-"));
  reapFolder(folder);
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, caPem);
  const requests: string[] = [];

  const gateway = createSecureServer({ cert: certPem, key: keyPem }, (incoming, response) => {
    const id = (incoming.headers.host ?? "").split(".", 1)[0] ?? "";
    requests.push(`${incoming.method} ${incoming.url}`);
    void handOn(emulator, id, incoming, response);
  });
  const gatewayPort = await listen(gateway);
  const proxy = createServer((_incoming, response) => response.writeHead(405).end());
  const tunnels = new Set<Duplex>();
  proxy.on("connect", (incoming: IncomingMessage, client: Duplex) => {
    if (incoming.url?.endsWith(`${suffix}:443`) !== true) {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      return;
    }
    const upstream = connect(gatewayPort, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const [side, other] of [[upstream, client] as const, [client, upstream] as const]) {
      tunnels.add(side);
      side.on("error", () => other.destroy());
      side.on("close", () => tunnels.delete(side));
    }
  });
  const proxyPort = await listen(proxy);

  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`, NODE_EXTRA_CA_CERTS: caFile },
    requests,
    async close() {
      for (const tunnel of tunnels) tunnel.destroy();
      gateway.closeAllConnections();
      await Promise.all([closed(gateway), closed(proxy)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function handOn(
  emulator: AwsEmulator,
  id: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const [, stage = "", ...rest] = (incoming.url ?? "").split("/");
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const answer = await request(`${emulator.restApi(id, stage)}/${rest.join("/")}`, {
      method: incoming.method ?? "GET",
      headers,
      body: incoming.method === "GET" ? null : incoming,
      signal: AbortSignal.timeout(FORWARD_DEADLINE_MS),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const { "transfer-encoding": _chunked, connection: _kept, ...answered } = answer.headers;
    response.writeHead(answer.statusCode, answered as Record<string, string>).end(body);
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
