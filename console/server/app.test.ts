import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../operator/runtime/logger.ts";
import { startConsole } from "../console.ts";
import type { ConsoleParts, RunningConsole } from "../console.ts";
import { freePort } from "../../tools/process/free-port.ts";
import { knownPerson } from "../testing/site.ts";
import { Visitor } from "../testing/visitor.ts";
import { Pages } from "./pages.ts";

/** Nobody listens there: none of this needs a cluster. */
const CLUSTER = { name: "none", server: "https://127.0.0.1:1", skipTLSVerify: true };

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

describe("a console", () => {
  let running: RunningConsole | undefined;

  afterEach(async () => await running?.stop());

  async function start(more: Partial<ConsoleParts> = {}): Promise<RunningConsole> {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(CLUSTER, { name: "console", token: "its own" });
    running = await startConsole({
      config,
      address: { host: "127.0.0.1", port: 0 },
      pages: new Pages(new Map([["/index.html", Buffer.from("<!doctype html>the page")]])),
      known: [knownPerson("ada")],
      log: silentLogger,
      ...more,
    });
    return running;
  }

  /** As a browser that was led here by another name. */
  async function askAs(host: string, { url }: RunningConsole): Promise<Answered> {
    return await new Promise((resolve, reject) => {
      const asking = request(
        { host: "127.0.0.1", port: url.port, path: "/api/sign-in", headers: { host }, agent: false },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, headers: response.headers });
        },
      );
      asking.on("error", reject);
      asking.end();
    });
  }

  it("lets nobody try sign-ins without end, and not ask without end either", async () => {
    const visitor = new Visitor((await start()).url);
    const tries: number[] = [];
    for (let n = 0; n < 25; n += 1)
      tries.push((await visitor.post("/api/sign-in/known", { id: "x" })).status);
    expect(tries.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 404));
    expect(tries.slice(20)).toEqual(Array.from({ length: 5 }, () => 429));
    const asked = await Promise.all(Array.from({ length: 200 }, () => visitor.get("/api/sign-in")));
    expect(asked.filter(({ status }) => status === 429).length).toBeGreaterThan(50);
  });

  it("counts by what its proxy has seen, and not by what anybody writes", async () => {
    const visitor = new Visitor((await start({ behindProxy: true })).url);
    const tryAs = async (forwarded: string): Promise<number> => {
      const headers = { "x-forwarded-for": forwarded };
      return (await visitor.send("/api/sign-in/known", { method: "POST", body: { id: "x" }, headers }))
        .status;
    };
    for (let n = 0; n < 20; n += 1) await tryAs(`10.0.0.${n}, 192.0.2.1`);
    expect(await tryAs("10.0.0.99, 192.0.2.1")).toBe(429);
    expect(await tryAs("10.0.0.99, 192.0.2.2")).toBe(404);
  });

  it("answers to its own name only", async () => {
    const here = await start();
    expect((await askAs(here.url.host, here)).status).toBe(200);
    expect((await askAs("rebound.example.com", here)).status).toBe(421);
  });

  it("behind https has cookies that no other host and no plain connection gets", async () => {
    const port = await freePort();
    const address = { host: "127.0.0.1", port };
    await start({ address, publicUrl: new URL("https://console.example.com") });
    const { headers, status } = await new Promise<Answered>((resolve, reject) => {
      const asking = request(
        {
          ...address,
          method: "POST",
          path: "/api/sign-in/known",
          agent: false,
          headers: {
            host: "console.example.com",
            origin: "https://console.example.com",
            "content-type": "application/json",
          },
        },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, headers: response.headers });
        },
      );
      asking.on("error", reject);
      asking.end('{"id":"ada"}');
    });
    expect(status).toBe(200);
    expect(headers["set-cookie"]?.[0]).toMatch(
      /^__Host-certferry=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/u,
    );
    expect(headers["strict-transport-security"]).toBe("max-age=31536000");
  });

  it("gives the page for each of its addresses, and no page for a file that is not there", async () => {
    const visitor = new Visitor((await start()).url);
    expect((await visitor.get("/acme/batches/d001")).text).toContain("the page");
    expect((await visitor.get("/acme/batches/week.45")).text).toContain("the page");
    expect((await visitor.get("/assets/none.js")).status).toBe(404);
    expect((await visitor.get("/robots.txt")).status).toBe(404);
    await visitor.post("/api/sign-in/known", { id: "ada" });
    expect(await visitor.get("/api/none")).toMatchObject({ status: 404, json: { code: "NotFound" } });
    expect((await visitor.get("/../../etc/passwd")).text).not.toContain("root:");
  });

  it("says that the cluster is not there, when it is not", async () => {
    const visitor = new Visitor((await start()).url);
    await visitor.post("/api/sign-in/known", { id: "ada" });
    expect(await visitor.get("/api/accounts/acme/batches/d001")).toMatchObject({
      status: 503,
      json: { code: "ClusterUnreachable" },
    });
  });
});
