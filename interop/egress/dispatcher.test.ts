import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { request } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { issueServerCertificate } from "../../tools/factory/index.ts";
import { EgressPolicy, type EgressPolicyOptions, type Resolve } from "./policy.ts";

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function fetchThrough(options: EgressPolicyOptions, more: { ca?: string } = {}) {
  const dispatcher = new EgressPolicy({ env: {}, ...options }).dispatcher(more);
  open.push(() => dispatcher.destroy());
  return async (url: string): Promise<string> => (await request(url, { dispatcher })).body.text();
}

const resolveTo =
  (...addresses: string[]): Resolve =>
  (_name, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );

/** A server that counts who comes. */
async function counting(): Promise<{ port: number; visits: () => number }> {
  let visits = 0;
  const port = await listen(
    createServer((_request, response) => {
      visits += 1;
      response.end("inside");
    }),
  );
  return { port, visits: () => visits };
}

describe("a direct connection", () => {
  it("goes where the policy allows, by address and by name", async () => {
    const { port } = await counting();
    const get = fetchThrough({ allowCidrs: ["127.0.0.1"], resolve: resolveTo("127.0.0.1") });
    expect(await get(`http://127.0.0.1:${port}/`)).toBe("inside");
    expect(await get(`http://cloud.example:${port}/`)).toBe("inside");
  });

  it.each(["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "localhost"])(
    "does not reach loopback as %s",
    async (host) => {
      const { port, visits } = await counting();
      await expect(fetchThrough({})(`http://${host}:${port}/`)).rejects.toThrow("--egress-allow-cidr");
      expect(visits()).toBe(0);
    },
  );

  it("does not reach what a name resolves to, and names both", async () => {
    const { port, visits } = await counting();
    const get = fetchThrough({ resolve: resolveTo("127.0.0.1") });
    await expect(get(`http://cloud.example:${port}/`)).rejects.toThrow(
      "cloud.example (127.0.0.1) is refused",
    );
    expect(visits()).toBe(0);
  });

  it("uses only the open ones of several addresses", async () => {
    const { port, visits } = await counting();
    const get = fetchThrough({
      allowCidrs: ["127.0.0.1"],
      resolve: resolveTo("127.0.0.2", "169.254.169.254", "127.0.0.1"),
    });
    expect(await get(`http://cloud.example:${port}/`)).toBe("inside");
    expect(visits()).toBe(1);
  });

  it("connects to the address that was checked, though the name leads elsewhere a moment later", async () => {
    const inside = await counting();
    let lookups = 0;
    const rebinding: Resolve = (_name, callback) => {
      lookups += 1;
      // The first answer is open (and refuses the connection there), each later one is loopback.
      callback(null, [{ address: lookups === 1 ? "127.0.0.9" : "127.0.0.1", family: 4 }]);
    };
    const get = fetchThrough({ allowCidrs: ["127.0.0.9"], resolve: rebinding });
    const url = `http://rebind.example:${inside.port}/`;
    await expect(get(url)).rejects.toThrow("ECONNREFUSED 127.0.0.9");
    expect(lookups).toBe(1);
    await expect(get(url)).rejects.toThrow("rebind.example (127.0.0.1) is refused");
    expect(inside.visits()).toBe(0);
  });

  it("does not follow a redirect into the cluster", async () => {
    const inside = await counting();
    const port = await listen(
      createServer((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${inside.port}/` }).end();
      }),
    );
    expect(await fetchThrough({ allowCidrs: ["127.0.0.1"] })(`http://127.0.0.1:${port}/`)).toBe("");
    expect(inside.visits()).toBe(0);
  });

  it("trusts a given CA besides the public roots, and it alone", async () => {
    const tls = await issueServerCertificate({ hosts: ["cloud.example"] });
    const server = createSecureServer({ key: tls.keyPem, cert: tls.certPem }, (_request, response) => {
      response.end("secure");
    });
    const url = `https://cloud.example:${await listen(server)}/`;
    const options = { allowCidrs: ["127.0.0.1"], resolve: resolveTo("127.0.0.1") };
    expect(await fetchThrough(options, { ca: `a note\n${tls.caPem}` })(url)).toBe("secure");
    await expect(fetchThrough(options)(url)).rejects.toThrow(/certificate/);
    const other = await issueServerCertificate({ hosts: ["cloud.example"] });
    await expect(fetchThrough(options, { ca: other.caPem })(url)).rejects.toThrow(/certificate/);
    expect(() => fetchThrough(options, { ca: "not a certificate" })).toThrow("caBundle holds no certificate");
  });
});

describe("through a proxy", () => {
  /** An HTTP proxy that sends everything to one port, as its own resolver would have it. */
  async function proxyTo(target: number): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const proxy = createServer((incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url}`);
      response.end("by proxy");
    });
    proxy.on("connect", (incoming: IncomingMessage, client: Duplex) => {
      asked.push(`CONNECT ${incoming.url}`);
      const upstream = connect(target, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on("error", () => client.destroy());
      client.on("error", () => upstream.destroy());
    });
    return { port: await listen(proxy), asked };
  }

  const unknown: Resolve = (name, callback) =>
    callback(Object.assign(new Error(`no ${name}`), { code: "ENOTFOUND" }), []);

  it("a name that only the proxy knows is reached, TLS end to end", async () => {
    const tls = await issueServerCertificate({ hosts: ["cloud.example"] });
    const server = createSecureServer({ key: tls.keyPem, cert: tls.certPem }, (_request, response) => {
      response.end("secure");
    });
    const proxy = await proxyTo(await listen(server));
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const get = fetchThrough({ env, resolve: unknown }, { ca: tls.caPem });
    expect(await get("https://cloud.example/interop")).toBe("secure");
    expect(proxy.asked).toEqual(["CONNECT cloud.example:443"]);
    await expect(fetchThrough({ env, resolve: unknown })("https://cloud.example/")).rejects.toThrow(
      /certificate/,
    );
  });

  it("what can be seen to lead to a refused address is not asked for", async () => {
    const proxy = await proxyTo(1);
    const env = {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
    };
    await expect(fetchThrough({ env })("https://169.254.169.254/")).rejects.toThrow("is refused");
    await expect(fetchThrough({ env })("http://[fd00:ec2::254]/")).rejects.toThrow("is refused");
    const get = fetchThrough({ env, clusterCidrs: ["10.96.0.0/12"], resolve: resolveTo("10.96.0.1") });
    await expect(get("https://kubernetes.default.svc/")).rejects.toThrow("is refused");
    expect(proxy.asked).toEqual([]);
    expect(await fetchThrough({ env, resolve: unknown })("http://cloud.example/m.csv")).toBe("by proxy");
  });

  it("NO_PROXY goes direct, and is checked as direct", async () => {
    const { port } = await counting();
    const proxy = await proxyTo(1);
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: "127.0.0.1" };
    expect(await fetchThrough({ env, allowCidrs: ["127.0.0.1"] })(`http://127.0.0.1:${port}/`)).toBe(
      "inside",
    );
    await expect(fetchThrough({ env })(`http://127.0.0.1:${port}/`)).rejects.toThrow("is refused");
    expect(proxy.asked).toEqual([]);
  });

  it("that refuses to connect is an error, not an endless wait", async () => {
    const proxy = createServer();
    proxy.on("connect", (_request, client: Duplex) => {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    });
    const env = { HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
    await expect(fetchThrough({ env, resolve: unknown })("https://cloud.example/")).rejects.toThrow("407");
  });
});
