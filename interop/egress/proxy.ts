/**
 * The proxy for an address, by the usual environment: HTTPS_PROXY or HTTP_PROXY by scheme (lower case
 * wins), unless NO_PROXY names the host: exact or as a parent domain (a leading dot or `*.` is allowed),
 * with a port or without, or `*`. As in Go and curl, NO_PROXY also takes addresses.
 * @throws Error when the proxy's URL cannot be read; the message does not hold it (it may hold a password)
 */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = env[name.toLowerCase()] || env[name];
  if (proxy === undefined || proxy === "") return undefined;
  if (isExempt(url, env["no_proxy"] || env["NO_PROXY"] || "")) return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (!URL.canParse(address)) throw new Error(`${name} is not the address of a proxy`);
  return address;
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = bareHost(url.hostname);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const withPort = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry);
      const pattern = bareHost(withPort?.[1] ?? entry).replace(/^\*?\./, "");
      if (withPort !== null && withPort[2] !== port) return false;
      return pattern !== "" && (host === pattern || host.endsWith(`.${pattern}`));
    });
}

function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
