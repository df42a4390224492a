import { createAdaptorServer } from "@hono/node-server";
import type { KubeConfig } from "@kubernetes/client-node";
import { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeClient } from "../operator/runtime/client.ts";
import { systemClock } from "../operator/runtime/clock.ts";
import type { Clock } from "../operator/runtime/clock.ts";
import type { Logger } from "../operator/runtime/logger.ts";
import { Accounts } from "./people/accounts.ts";
import { OidcSignIn } from "./people/oidc.ts";
import type { OidcOptions } from "./people/oidc.ts";
import { Sessions } from "./people/sessions.ts";
import { createApp } from "./server/app.ts";
import type { Ctx } from "./server/context.ts";
import type { Pages } from "./server/pages.ts";
import { RateLimit } from "./server/rate-limit.ts";
import type { KnownPerson } from "./server/routes-sign-in.ts";

export interface ConsoleParts {
  /** The console's own credentials: of use for the cluster's address, and to impersonate people. */
  readonly config: KubeConfig;
  readonly address: { readonly host: string; readonly port: number };
  /** How browsers reach it; by the address that it listens on, where that is left out. */
  readonly publicUrl?: URL;
  readonly qrBase?: URL;
  readonly accounts?: readonly string[];
  readonly pages: Pages;
  readonly tokens?: boolean;
  readonly oidc?: OidcOptions | undefined;
  readonly known?: readonly KnownPerson[];
  readonly behindProxy?: boolean;
  /** Where reels' ConfigMaps and Secrets are, and what may be called for a manifest, as for the operator. */
  readonly operatorNamespace?: string;
  readonly egressAllowCidrs?: readonly string[];
  readonly clusterCidrs?: readonly string[];
  readonly log: Logger;
  readonly clock?: Clock;
  /** Requests of one address, and tries to sign in: so many at once, then so many a second. */
  readonly limits?: { readonly requests: Limit; readonly tries: Limit };
}

export interface Limit {
  readonly burst: number;
  readonly perSecond: number;
}

export interface RunningConsole {
  readonly url: URL;
  stop(): Promise<void>;
}

const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 2000;
const LIMITS = { requests: { burst: 120, perSecond: 30 }, tries: { burst: 20, perSecond: 0.2 } };

/** Starts the console. @throws Error when it cannot listen */
export async function startConsole(parts: ConsoleParts): Promise<RunningConsole> {
  const { config, log } = parts;
  const { clock = systemClock, limits = LIMITS } = parts;
  const sessions = new Sessions({ config, clock, log });
  const own = new KubeClient(config, { requestTimeoutMs: 10_000, userAgent: "certferry-console" });
  let app: ReturnType<typeof createApp> | undefined;
  const server = createAdaptorServer({
    fetch: (request, env) => app?.fetch(request, env) ?? new Response(null, { status: 503 }),
    // What goes wrong in a request is answered by the app; nothing is told of it here.
    overrideGlobalObjects: false,
  });
  if (!(server instanceof Server)) throw new Error("the server is not one of HTTP/1.1");
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = MAX_CONNECTIONS;
  const url = await listen(server, parts.address);
  const publicUrl = parts.publicUrl ?? url;
  app = createApp({
    config,
    sessions,
    publicUrl,
    qrBase: parts.qrBase ?? publicUrl,
    accounts: new Accounts(own, parts.accounts ?? []),
    pages: parts.pages,
    tokens: parts.tokens ?? true,
    oidc: parts.oidc === undefined ? undefined : new OidcSignIn(parts.oidc, publicUrl, () => clock.now()),
    known: parts.known ?? [],
    tries: new RateLimit({ clock, ...limits.tries }),
    requests: new RateLimit({ clock, ...limits.requests }),
    addressOf: parts.behindProxy === true ? forwardedFor : remoteAddress,
    manifests: {
      operatorNamespace: parts.operatorNamespace ?? "certferry-system",
      egressAllowCidrs: parts.egressAllowCidrs ?? [],
      clusterCidrs: parts.clusterCidrs ?? [],
    },
    clock,
    log,
  });
  log.info({ address: url.href, publicUrl: publicUrl.href }, "serving the console");
  return {
    url: publicUrl,
    async stop() {
      sessions.stop();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await own.close();
    },
  };
}

async function listen(server: Server, { host, port }: ConsoleParts["address"]): Promise<URL> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const taken = server.address() as AddressInfo;
  const name = taken.family === "IPv6" ? `[${taken.address}]` : taken.address;
  return new URL(`http://${name}:${taken.port}`);
}

function remoteAddress(c: Ctx): string {
  const { incoming } = c.env as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? "";
}

/** The last one is what the proxy itself has seen; those before it, anybody can write. */
function forwardedFor(c: Ctx): string {
  return c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() ?? remoteAddress(c);
}
