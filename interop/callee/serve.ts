import { readFileSync } from "node:fs";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { pino } from "pino";
import { createMemoryRegistry } from "../registries/memory.ts";
import { type CalleeAuth, type CalleeLog, createCallee } from "./app.ts";
import { keyFile } from "./key-file.ts";
import { createRegistryView } from "./registry-view.ts";
import { OptionsError, readServeOptions, type ServeOptions, USAGE } from "./serve-options.ts";

/** What a callee prints on standard output, as one line of JSON, once it listens. */
export interface ServeReady {
  ready: true;
  name: string;
  flavor: "aws" | "azure";
  /** The whole address that is posted to. */
  url: string;
  /** The same without `/interop`. */
  baseUrl: string;
  /** What its registry holds; plain HTTP on loopback, without authentication. */
  registryUrl: string;
  pid: number;
}

const GRACE_MS = 5000;

async function main(): Promise<void> {
  const options = readServeOptions(process.argv.slice(2));
  const log = pino({ base: { cloud: options.name } }, pino.destination(2));
  const registry = createMemoryRegistry({
    flavor: options.flavor,
    endpoint: options.endpoint ?? null,
    ...(options.policy === "" ? {} : { policy: options.policy }),
  });
  const callee = createCallee({
    registry,
    auth: readAuth(options, log),
    log,
    ...(options.basePath === undefined ? {} : { basePath: options.basePath }),
  });
  const tls = { key: readFileSync(options.tlsKey), cert: readFileSync(options.tlsCert) };
  const server = createSecureServer(tls, listener(callee.fetch));
  const view = createPlainServer(listener(createRegistryView(options.name, registry).fetch));
  const port = await listen(server, options.host, options.port);
  const viewPort = await listen(view, "127.0.0.1", 0);

  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const baseUrl = `https://${host}:${port}${options.basePath ?? ""}`;
  const ready: ServeReady = {
    ready: true,
    name: options.name,
    flavor: options.flavor,
    url: `${baseUrl}/interop`,
    baseUrl,
    registryUrl: `http://127.0.0.1:${viewPort}/registry`,
    pid: process.pid,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);

  await stopAsked(options.untilStdinCloses);
  log.info({ devices: registry.counts().devices }, "stopping");
  await Promise.all([close(server), close(view)]);
}

function readAuth(options: ServeOptions, log: CalleeLog): CalleeAuth {
  if (options.credentials !== undefined) {
    const line = readFileSync(options.credentials, "utf8").trimEnd();
    const colon = line.indexOf(":");
    if (colon <= 0) throw new OptionsError("credentials: the file must hold username:password");
    return { kind: "basic", username: line.slice(0, colon), password: line.slice(colon + 1) };
  }
  return { kind: "bearer", keys: keyFile(options.jwks ?? "", log), audience: options.audience ?? "" };
}

function listener(fetch: (request: Request) => Response | Promise<Response>) {
  const answer = getRequestListener((request) => fetch(request), { overrideGlobalObjects: false });
  return (...exchange: Parameters<typeof answer>): void => {
    answer(...exchange).catch(() => exchange[1].destroy());
  };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Resolves at SIGTERM or SIGINT, or when standard input ends if that counts. */
async function stopAsked(stdinCounts: boolean): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    if (stdinCounts) process.stdin.once("end", resolve).once("close", resolve).resume();
  });
  if (stdinCounts) process.stdin.pause();
}

/** Requests under way are answered; what has not ended after the grace period is cut. */
async function close(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof OptionsError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
