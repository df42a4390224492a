import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { JSONWebKeySet } from "jose";
import { type CalleeAuth, createCallee } from "../../interop/callee/app.ts";
import type { WireEntry } from "../../interop/callee/certificates-request.ts";
import type { Capability } from "../../interop/protocol/capabilities.ts";
import { AUTH_MESSAGES, ENTRY_MESSAGES } from "../../interop/protocol/messages.ts";
import { createMemoryRegistry, type MemoryRegistry } from "../../interop/registries/memory.ts";
import type { Flavor } from "../../interop/registries/port.ts";
import { issueServerCertificate, type ServerCertificate } from "../../tools/factory/index.ts";
import { type Fault, faultName, FaultQueue, type FaultScope, type Manners } from "./faults.ts";
import { Received } from "./received.ts";
import { unmannerly } from "./registry.ts";

export interface CloudOptions {
  flavor: Flavor;
  /** Bearer: the accounts' public keys, and the cloud's own account or subscription ID. */
  jwks?: JSONWebKeySet | (() => Promise<JSONWebKeySet>);
  audience?: string;
  /** Basic instead. */
  basic?: { username: string; password: string };
  /** What comes before `/interop`; default `/Prod` for aws, none for azure. */
  basePath?: string;
  /** Default: a certificate for 127.0.0.1 and localhost by a CA of its own (`caPem`). */
  tls?: ServerCertificate | "expired" | "wrongHost";
  manners?: Manners;
  /** Passed on to the registry. */
  collisions?: "refuse" | "as-v1";
  /** What it offers beyond v1; nothing unless told, as the stacks in the field. */
  capabilities?: readonly Capability[];
  /** How it names devices; the field's way unless told. */
  names?: string;
  /** AWS: the policy that is there to be attached. */
  policy?: string;
  /** How long it keeps a connection on which nothing is asked; 5 s unless told. Gateways keep them for minutes. */
  keepAliveMs?: number;
}

/** A product cloud on loopback that speaks HTTPS: the real callee, misbehaving as it is told. */
export interface TestCloud {
  /** `https://127.0.0.1:PORT`. */
  readonly origin: string;
  /** Origin and base path: what stands in the place of an API Gateway's endpoint and stage. */
  readonly baseUrl: string;
  /** The whole address that is posted to. */
  readonly url: string;
  /** Whom to trust. */
  readonly caPem: string;
  readonly registry: MemoryRegistry;
  readonly received: Received;
  /** How many connections were made to it so far. */
  readonly connections: number;
  /** How it behaves all the time; assign to change it. */
  manners: Manners;
  /** Lets the next `times` requests (default 1, of action provision) fail. Several calls queue up. */
  fail(fault: Fault, options?: { times?: number; on?: FaultScope }): void;
  /** Good manners and no faults from here on. */
  heal(): void;
  /** Stops listening and cuts all connections: the port refuses. `up` listens on it again. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;

/** Starts a cloud on a free port of 127.0.0.1. Stop it, or use it with `await using`. */
export async function startCloud(options: CloudOptions): Promise<TestCloud & AsyncDisposable> {
  const tls = await serverCertificate(options.tls);
  const basePath = options.basePath ?? (options.flavor === "aws" ? "/Prod" : "");
  const { flavor } = options;
  const inner = createMemoryRegistry({
    flavor,
    endpoint: flavor === "aws" ? "devices.iot.test.invalid" : "hub.test.invalid",
    policy: options.policy ?? "CertferryDevice",
    ...(options.collisions === undefined ? {} : { collisions: options.collisions }),
    ...(options.names === undefined ? {} : { names: options.names }),
  });
  const faults = new FaultQueue();
  const received = new Received();
  const gone = new AbortController();
  const registry = unmannerly(inner, () => cloud.manners);
  const callee = createCallee({
    registry,
    auth: calleeAuth(options),
    basePath,
    capabilities: options.capabilities ?? [],
  });

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readText(incoming);
    const request = received.begin(incoming.method ?? "", incoming.url ?? "", body);
    outgoing.once("close", () => received.end());
    const fault = faults.take(request.action);
    request.troubles = [...(fault === undefined ? [] : [faultName(fault)]), ...Object.keys(cloud.manners)];
    const work = async (): Promise<Response> => {
      const { msPerDevice = 0 } = cloud.manners;
      if (msPerDevice > 0) await sleep(msPerDevice * request.refs.length, undefined, { signal: gone.signal });
      const response = await callee.fetch(
        new Request(`${cloud.origin}${incoming.url ?? ""}`, {
          method: incoming.method ?? "GET",
          headers: Object.entries(incoming.headers).map(([name, value]): [string, string] => [
            name,
            String(value),
          ]),
          ...(incoming.method === "POST" ? { body } : {}),
        }),
      );
      return request.action === "provision" ? rearrange(response, cloud.manners) : response;
    };
    const { latencyMs = 0 } = cloud.manners;
    if (latencyMs > 0) await sleep(latencyMs, undefined, { signal: gone.signal });
    if (fault === undefined) await send(outgoing, await work());
    else await misbehave(fault, outgoing, work);
    request.status = outgoing.headersSent ? outgoing.statusCode : 0;
  }

  const server = createServer({ key: tls.keyPem, cert: tls.certPem }, (incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  if (options.keepAliveMs !== undefined) server.keepAliveTimeout = options.keepAliveMs;
  let connections = 0;
  server.on("secureConnection", () => {
    connections += 1;
  });
  const port = await listen(server, 0);
  const origin = `https://127.0.0.1:${port}`;
  const down = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  const stop = async (): Promise<void> => {
    gone.abort();
    await down();
  };
  const cloud: TestCloud = {
    origin,
    baseUrl: origin + basePath,
    url: `${origin}${basePath}/interop`,
    caPem: tls.caPem,
    registry: inner,
    received,
    get connections() {
      return connections;
    },
    manners: options.manners ?? {},
    fail: (fault, { times = 1, on = "provision" } = {}) => faults.add(fault, times, on),
    heal() {
      faults.clear();
      cloud.manners = {};
    },
    down,
    async up() {
      if (!server.listening) await listen(server, port);
    },
    stop,
  };
  return Object.assign(cloud, { [Symbol.asyncDispose]: stop });
}

async function serverCertificate(tls: CloudOptions["tls"]): Promise<ServerCertificate> {
  if (typeof tls === "object") return tls;
  const hosts = tls === "wrongHost" ? ["other.test.invalid"] : ["127.0.0.1", "localhost"];
  const notAfter = tls === "expired" ? { notAfter: new Date(Date.now() - DAY_MS) } : {};
  return issueServerCertificate({ hosts, ...notAfter });
}

function calleeAuth(options: CloudOptions): CalleeAuth {
  if (options.basic !== undefined) return { kind: "basic", ...options.basic };
  return { kind: "bearer", keys: options.jwks ?? { keys: [] }, audience: options.audience ?? "" };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function send(outgoing: ServerResponse, response: Response): Promise<void> {
  const text = await response.text();
  outgoing.writeHead(response.status, {
    "content-type": response.headers.get("content-type") ?? "application/json",
  });
  outgoing.end(text);
}

async function misbehave(
  fault: Fault,
  outgoing: ServerResponse,
  work: () => Promise<Response>,
): Promise<void> {
  const json = { "content-type": "application/json" };
  if ("afterWork" in fault && fault.afterWork) await work();
  switch (fault.kind) {
    case "status":
      outgoing.writeHead(fault.status, {
        ...json,
        ...(fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter }),
        ...(fault.status >= 300 && fault.status < 400 ? { location: "https://127.0.0.1:1/interop" } : {}),
      });
      outgoing.end(JSON.stringify(fault.body ?? { error: "as the test wants it" }));
      return;
    case "refuseToken":
      outgoing.writeHead(401, json).end(JSON.stringify({ error: AUTH_MESSAGES.notVerified }));
      return;
    case "hang":
      return;
    case "reset":
      outgoing.socket?.resetAndDestroy();
      return;
    case "html":
      await work();
      outgoing.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sign in</title>");
      return;
    case "empty":
      await work();
      outgoing.writeHead(200, json).end();
      return;
    case "notAList":
      await work();
      outgoing.writeHead(200, json).end('{"status":"SUCCESS"}');
      return;
    case "halfBody":
    case "cutBody": {
      const text = await (await work()).text();
      const half = text.slice(0, Math.ceil(text.length / 2));
      if (fault.kind === "halfBody") {
        outgoing.writeHead(200, json).end(half);
        return;
      }
      outgoing.writeHead(200, { ...json, "content-length": Buffer.byteLength(text) });
      outgoing.write(half, () => outgoing.destroy());
    }
  }
}

async function rearrange(response: Response, manners: Manners): Promise<Response> {
  if (response.status !== 200) return response;
  let entries = (await response.json()) as WireEntry[];
  entries = entries.filter(({ ref }) => manners.leaveOut?.includes(ref) !== true);
  if (manners.twice === "same") entries = entries.flatMap((entry) => [entry, entry]);
  if (manners.twice === "contradicting") {
    entries = entries.flatMap((entry): WireEntry[] => [
      { ref: entry.ref, status: "ERROR", message: ENTRY_MESSAGES.registrationFailed },
      entry,
    ]);
  }
  if (manners.strangers === true) {
    entries.push({ ref: "a-stranger", status: "SUCCESS", endpoint: null, topic: "iqs", policyApplied: true });
  }
  if (manners.reverse === true) entries.reverse();
  return Response.json(entries);
}
