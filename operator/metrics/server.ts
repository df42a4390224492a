import type { IncomingMessage } from "node:http";
import type { Registry } from "@prometheus-io/client";

import type { Logger } from "../runtime/logger.ts";
import { type Answer, TEXT, WebServer } from "../runtime/web-server.ts";

/**
 * Serves `/metrics` in Prometheus' text format, over plain HTTP and to whoever asks: what is told holds no secrets,
 * but names of namespaces and CloudApis, and account IDs. See docs/metrics.md for how to protect it.
 */
export function metricsServer(
  registry: Registry,
  address: { readonly host: string; readonly port: number },
  log: Logger,
): WebServer {
  return new WebServer({
    what: "metrics",
    ...address,
    log,
    answer: async (request: IncomingMessage): Promise<Answer> => {
      const { pathname } = new URL(request.url ?? "/", "http://metrics");
      if (pathname !== "/metrics") return { status: 404, contentType: TEXT, body: "see /metrics\n" };
      if (request.method !== "GET" && request.method !== "HEAD") {
        return { status: 405, contentType: TEXT, body: "only GET is answered here\n" };
      }
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    },
  });
}
