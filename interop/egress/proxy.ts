import { embeddedIpv4 } from "./ip.ts";
import { addressRange } from "./ranges.ts";

/**
 * The proxy for an address, by the usual environment: HTTPS_PROXY or HTTP_PROXY by scheme (lower case
 * wins), unless NO_PROXY names the host: exact or as a parent domain (a leading dot or `*.` is allowed),
 * with a port or without, or `*`. As in Go and curl, NO_PROXY also takes addresses and ranges (10.0.0.0/8),
 * and `localhost` and loopback addresses never go to a proxy: there they would mean the proxy's own machine.
 * @throws Error when the proxy's URL cannot be read; the message does not hold it (it may hold a password)
 */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = env[name.toLowerCase()] || env[name];
  if (proxy === undefined || proxy === "") return undefined;
  if (isThisMachine(bareHost(url.hostname))) return undefined;
  if (isExempt(url, env["no_proxy"] || env["NO_PROXY"] || "")) return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (!URL.canParse(address)) throw new Error(`${name} is not the address of a proxy`);
  return address;
}

const LOOPBACK = addressRange("loopback", ["127.0.0.0/8", "::1"]);

function isThisMachine(host: string): boolean {
  return host === "localhost" || [host, ...embeddedIpv4(host)].some((each) => LOOPBACK.contains(each));
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = bareHost(url.hostname);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      if (entry.includes("/")) return isInRange(host, entry);
      const withPort = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry);
      const pattern = bareHost(withPort?.[1] ?? entry).replace(/^\*?\./, "");
      if (withPort !== null && withPort[2] !== port) return false;
      return pattern !== "" && (host === pattern || host.endsWith(`.${pattern}`));
    });
}

/** What cannot be read as a range exempts nothing, as in Go. */
function isInRange(host: string, cidr: string): boolean {
  try {
    return addressRange("exempt", [cidr]).contains(host);
  } catch {
    return false;
  }
}

function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
