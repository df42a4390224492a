import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { Agent, buildConnector } from "undici";
import { describe, expect, it } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { issueServerCertificate } from "../../../tools/factory/index.ts";
import { ManifestError } from "../errors.ts";
import { failureOf } from "../testing.ts";
import { type HttpOptions, httpSource } from "./http.ts";
import type { SourceOf } from "./port.ts";

const CSV = "device_id,group_id,certificate\n";
const tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
const openLoopback = new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} });

/** A server on a free port; `url` ends without a slash. */
async function serve(handler: RequestListener, secure = false): Promise<{ url: string } & AsyncDisposable> {
  const server = secure
    ? createSecureServer({ cert: tls.certPem, key: tls.keyPem }, handler)
    : createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `${secure ? "https" : "http"}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function fetched(
  source: SourceOf<"http">,
  options: Partial<HttpOptions> = {},
  signal: AbortSignal = AbortSignal.timeout(20_000),
): Promise<string> {
  const opened = httpSource(source, {
    egress: openLoopback,
    readSecret: (name) => Promise.reject(new Error(`secrets "${name}" not found`)),
    idleMs: 5000,
    ...options,
  });
  const chunks = await Array.fromAsync(opened.bytes(signal));
  return Buffer.concat(chunks).toString();
}

const secretOf = (secret: Record<string, string>): Pick<HttpOptions, "readSecret"> => ({
  readSecret: () =>
    Promise.resolve(
      Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, Buffer.from(value)])),
    ),
});

describe("httpSource", () => {
  it("gives the body of a 200, whole", async () => {
    const body = CSV.repeat(50_000);
    await using server = await serve((_, answer) => answer.end(body));
    await expect(fetched({ url: `${server.url}/d001.csv` })).resolves.toBe(body);
  });

  it("sends the Secret's credentials, as bearer or basic", async () => {
    await using server = await serve((request, answer) =>
      answer.end(request.headers.authorization ?? "none"),
    );
    const source = { url: server.url, secretRef: { name: "vendor" } };
    await expect(fetched({ url: server.url })).resolves.toBe("none");
    await expect(fetched(source, secretOf({ token: "t0ken\n" }))).resolves.toBe("Bearer t0ken");
    const basic = await fetched(source, secretOf({ username: "u", password: "p:w" }));
    expect(basic).toBe(`Basic ${Buffer.from("u:p:w").toString("base64")}`);
  });

  it("says what is wrong with the Secret, and nothing of what is in it", async () => {
    const source = { url: "https://127.0.0.1:1/x", secretRef: { name: "vendor" } };
    const secrets: Record<string, string>[] = [
      {},
      { username: "hidden" },
      { token: "" },
      { token: "hid den" },
      { username: "hid:den", password: "x" },
    ];
    for (const secret of secrets) {
      const error = await failureOf(fetched(source, secretOf(secret)));
      expect(error).toMatchObject({ reason: "SourceUnavailable" });
      expect(error.message).toContain('Secret "vendor"');
      expect(error.message).not.toMatch(/hid/);
    }
    const missing = await failureOf(fetched(source));
    expect(missing).toMatchObject({ reason: "SourceUnavailable", transient: true });
    const clear = await failureOf(
      fetched(
        { url: "http://vendor.example.com/x", secretRef: { name: "vendor" } },
        secretOf({ token: "t" }),
      ),
    );
    expect(clear).toMatchObject({ reason: "SourceNotAllowed", transient: false });
    expect(clear.message).toContain("https");
  });

  it.each([
    [401, false, "secretRef"],
    [403, false, "secretRef"],
    [404, true, "not there"],
    [429, true, "slower"],
    [500, true, "500"],
    [503, true, "503"],
    [204, false, "204"],
  ])("turns a %i into SourceUnavailable", async (status, transient, said) => {
    await using server = await serve((_, answer) =>
      answer.writeHead(status).end(status === 204 ? "" : "SECRET BODY"),
    );
    const error = await failureOf(fetched({ url: `${server.url}/a?sig=hidden` }));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient, broken: false });
    expect(error.message).toContain(said);
    expect(error.message).not.toMatch(/SECRET|hidden/);
  });

  it("follows redirects within the host, with its credentials", async () => {
    await using server = await serve((request, answer) => {
      if (request.url === "/final") answer.end(request.headers.authorization);
      else answer.writeHead(302, { location: request.url === "/a" ? "/b" : `${server.url}/final` }).end();
    });
    const source = { url: `${server.url}/a`, secretRef: { name: "vendor" } };
    await expect(fetched(source, secretOf({ token: "t" }))).resolves.toBe("Bearer t");
  });

  it("follows no redirect to another host, and none without end", async () => {
    let asked = 0;
    await using elsewhere = await serve((_, answer) => {
      asked += 1;
      answer.end(CSV);
    });
    await using server = await serve((request, answer) => {
      const location = request.url === "/loop" ? "/loop" : `${elsewhere.url}/x?token=hidden`;
      answer.writeHead(307, request.url === "/nowhere" ? {} : { location }).end();
    });
    const away = await failureOf(fetched({ url: `${server.url}/away` }));
    expect(away).toMatchObject({ reason: "SourceNotAllowed", transient: false });
    expect(away.message).not.toContain("hidden");
    expect(asked).toBe(0);
    await expect(failureOf(fetched({ url: `${server.url}/loop` }))).resolves.toMatchObject({
      reason: "SourceUnavailable",
    });
    await expect(failureOf(fetched({ url: `${server.url}/nowhere` }))).resolves.toMatchObject({
      reason: "SourceUnavailable",
    });
  });

  it("follows a redirect from http to https between their own ports alone, for the credentials go along", async () => {
    const asked: string[] = [];
    await using secure = await serve((request, answer) => {
      asked.push(request.headers.host ?? "");
      answer.end(request.headers.authorization);
    }, true);
    let location = "";
    await using server = await serve((_, answer) => answer.writeHead(301, { location }).end());
    // The ports of http and https cannot be had by everybody, so the connections are led elsewhere.
    const ports: Record<string, string> = { "80": new URL(server.url).port, "443": new URL(secure.url).port };
    const connect = buildConnector({ ca: tls.caPem });
    const agent = (): Agent =>
      new Agent({
        connect: (target, done) =>
          connect(
            {
              ...target,
              port: ports[target.port || (target.protocol === "https:" ? "443" : "80")] ?? target.port,
            },
            done,
          ),
      });
    const options = { egress: { dispatcher: agent }, ...secretOf({ token: "t" }) };
    const source = { url: "http://127.0.0.1/a", secretRef: { name: "vendor" } };
    location = "https://127.0.0.1/b";
    await expect(fetched(source, options)).resolves.toBe("Bearer t");
    location = `${secure.url}/b`;
    const other = await failureOf(fetched(source, options));
    expect(other).toMatchObject({ reason: "SourceNotAllowed" });
    expect(asked).toEqual(["127.0.0.1"]);
  });

  it("passes on why a Secret may not be used, and whether to try again", async () => {
    const refusal = new ManifestError("SourceNotAllowed", "Secret x is not for this", { transient: true });
    const source = { url: "https://127.0.0.1:1/x", secretRef: { name: "vendor" } };
    const error = await failureOf(fetched(source, { readSecret: () => Promise.reject(refusal) }));
    expect(error).toBe(refusal);
  });

  it("trusts caBundle, and says when the certificate is not trusted or the bundle is none", async () => {
    await using server = await serve((_, answer) => answer.end(CSV), true);
    await expect(fetched({ url: server.url, caBundle: tls.caPem })).resolves.toBe(CSV);
    const untrusted = await failureOf(fetched({ url: server.url }));
    expect(untrusted).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(untrusted.message).toContain("not trusted (caBundle)");
    const unreadable = await failureOf(fetched({ url: server.url, caBundle: "none" }));
    expect(unreadable).toMatchObject({ reason: "SourceNotAllowed", transient: false });
    expect(unreadable.message).toContain("caBundle");
  });

  it("goes nowhere that the egress policy refuses", async () => {
    await using server = await serve((_, answer) => answer.end(CSV));
    const egress = new EgressPolicy({ env: {} });
    const error = await failureOf(fetched({ url: server.url }, { egress }));
    expect(error).toMatchObject({ reason: "SourceNotAllowed", transient: false });
    expect(error.message).toContain("127.0.0.1");
  });

  it("calls a download broken that stops in the middle, or falls silent", async () => {
    await using server = await serve((request, answer) => {
      if (request.url === "/mute") return;
      answer.writeHead(200, { "content-length": 1000 });
      answer.write(CSV);
      if (request.url === "/cut") setTimeout(() => answer.destroy(), 20);
    });
    const cut = await failureOf(fetched({ url: `${server.url}/cut` }));
    expect(cut).toMatchObject({ reason: "SourceUnavailable", transient: true, broken: true });
    for (const path of ["/silent", "/mute"]) {
      const silent = await failureOf(fetched({ url: server.url + path }, { idleMs: 300 }));
      expect(silent).toMatchObject({ reason: "SourceUnavailable", transient: true, broken: true });
      expect(silent.message).toContain("nothing came for 0.3 seconds");
    }
  });

  it("takes a slow server's time as long as something comes", async () => {
    await using server = await serve((_, answer) => {
      let sent = 0;
      const timer = setInterval(() => {
        answer.write("x");
        sent += 1;
        if (sent === 8) {
          clearInterval(timer);
          answer.end();
        }
      }, 200);
    });
    await expect(fetched({ url: server.url }, { idleMs: 1200 })).resolves.toBe("xxxxxxxx");
  });

  it("says when the name is unknown, nobody listens, or the encoding was not asked for", async () => {
    const unknown = await failureOf(fetched({ url: "http://manifests.invalid/x" }));
    expect(unknown).toMatchObject({ reason: "SourceUnavailable", transient: true, broken: false });
    const closed = await serve(() => {});
    await closed[Symbol.asyncDispose]();
    const nobody = await failureOf(fetched({ url: closed.url }));
    expect(nobody).toMatchObject({ reason: "SourceUnavailable", transient: true, broken: false });
    expect(nobody.message).toContain("refused");
    await using packed = await serve((_, answer) =>
      answer.writeHead(200, { "content-encoding": "gzip" }).end("x"),
    );
    await expect(failureOf(fetched({ url: packed.url }))).resolves.toMatchObject({
      reason: "SourceUnavailable",
    });
  });

  it("refuses what is no address", async () => {
    await expect(failureOf(fetched({ url: "manifests" }))).resolves.toMatchObject({
      reason: "SourceNotAllowed",
    });
  });

  it("stops when its signal aborts", async () => {
    await using server = await serve((_, answer) => answer.writeHead(200).write(CSV));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(fetched({ url: server.url }, {}, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  });
});
