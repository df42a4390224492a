import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent } from "undici";
import type { EgressPolicy } from "./policy.ts";
import { proxyFor } from "./proxy.ts";
import { trustBesidesRoots } from "./trust-bundle.ts";

export interface DispatcherOptions {
  /** PEM certificates to trust besides the public roots. */
  ca?: string;
  /** Connections to one origin at a time; no limit unless given. */
  connections?: number;
  /** Until the connection stands, TLS included; 10 s unless given. */
  connectTimeoutMs?: number;
  /** Until the whole header has come; 30 s unless given. */
  headersTimeoutMs?: number;
  /** Between two pieces of the body; 30 s unless given. */
  bodyTimeoutMs?: number;
}

/**
 * A dispatcher whose connections go where `policy` allows. A literal address is checked before it is
 * connected to; a name is resolved once, its addresses are checked, and the socket gets exactly those, so
 * a name that resolves differently a moment later leads nowhere else.
 *
 * Through a proxy the proxy resolves and connects, and its rules decide. What can be known here is still
 * checked before each request: literal addresses, and names that resolve here to refused addresses. The
 * proxy's own address comes from the operator's environment and is not checked.
 * @throws CaBundleUnreadable
 */
export function createDispatcher(policy: EgressPolicy, options: DispatcherOptions): Dispatcher {
  const timeout = options.connectTimeoutMs ?? 10_000;
  const trust = options.ca === undefined ? {} : { secureContext: trustBesidesRoots(options.ca) };
  const tls = { ...trust, allowH2: false, timeout };
  const limits = {
    connections: options.connections ?? null,
    headersTimeout: options.headersTimeoutMs ?? 30_000,
    bodyTimeout: options.bodyTimeoutMs ?? 30_000,
    allowH2: false,
  };
  const connect = checkedConnector(policy, tls);
  return new Agent({
    factory(origin) {
      const url = new URL(origin);
      const proxy = proxyFor(url, policy.env);
      if (proxy === undefined) return new Pool(url.origin, { ...limits, connect });
      return new ProxyAgent({
        ...limits,
        uri: proxy,
        requestTls: tls,
        proxyTls: { allowH2: false, timeout },
        connectTimeout: timeout,
      }).compose(checkBeforeProxy(policy));
    },
  });
}

function checkedConnector(policy: EgressPolicy, tls: buildConnector.BuildOptions): buildConnector.connector {
  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    policy.resolve(hostname, (error, addresses) => {
      const first = addresses[0];
      if (error !== null) return callback(error, []);
      if (first === undefined) return callback(notFound(hostname), []);
      if (lookupOptions.all === true) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ ...tls, lookup });
  return (target, callback) => {
    const refused = isIP(target.hostname) === 0 ? undefined : policy.refusal(target.hostname);
    if (refused === undefined) return connect(target, callback);
    queueMicrotask(() => callback(refused, null));
  };
}

function checkBeforeProxy(policy: EgressPolicy): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) => {
    const host = new URL(request.origin ?? "").hostname.replace(/^\[|\]$/g, "");
    const go = (refused: Error | undefined): void => {
      if (refused === undefined) dispatch(request, handler);
      else handler.onResponseError?.(NEVER_STARTED, refused);
    };
    if (isIP(host) !== 0) go(policy.refusal(host));
    // A name that does not resolve here may still resolve at the proxy.
    else policy.resolve(host, (error) => go(error?.name === "EgressRefused" ? error : undefined));
    return true;
  };
}

/** undici wants a controller with an error; this request never got as far as having one. */
const NEVER_STARTED: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  abort() {},
  pause() {},
  resume() {},
};

function notFound(hostname: string): Error {
  return Object.assign(new Error(`${hostname} has no address`), { code: "ENOTFOUND", hostname });
}
