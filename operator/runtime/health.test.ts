import { Agent, request } from "undici";
import { afterEach, describe, expect, it } from "vitest";

import { HealthServer } from "./health.ts";
import type { HealthServerOptions } from "./health.ts";
import { LevelSwitch } from "./logger.ts";

const servers: HealthServer[] = [];

async function serve(o: Partial<HealthServerOptions> = {}) {
  const health = new HealthServer({ host: "127.0.0.1", port: 0, ...o });
  servers.push(health);
  const { port } = await health.listen();
  const get = async (path: string, method: "GET" | "POST" = "GET") => {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, { method });
    return [statusCode, await body.text()];
  };
  return { health, get, port };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("HealthServer", () => {
  it("says ok when all is well, and each check when asked", async () => {
    const { health, get } = await serve();
    health.addReadyz("informer-reels", () => undefined);
    expect(await get("/readyz")).toEqual([200, "ok"]);
    expect(await get("/readyz?verbose")).toEqual([
      200,
      "[+]ping ok\n[+]informer-reels ok\nreadyz check passed\n",
    ]);
    expect(await get("/healthz")).toEqual([200, "ok"]);
  });

  it("lists every check when one fails, and lets others be excluded or asked alone", async () => {
    const { health, get } = await serve();
    let stale: string | undefined = "nothing heard for 400 s";
    health.addLivez("informer-reels", () => stale);
    health.addLivez("leader-election", () => undefined);
    expect(await get("/livez")).toEqual([
      500,
      "[+]ping ok\n[-]informer-reels failed: nothing heard for 400 s\n[+]leader-election ok\nlivez check failed\n",
    ]);
    expect(await get("/livez?exclude=informer-reels")).toEqual([200, "ok"]);
    expect(await get("/livez/leader-election")).toEqual([200, "ok"]);
    expect((await get("/livez/informer-reels"))[0]).toBe(500);
    expect((await get("/livez/nothing"))[0]).toBe(404);
    expect(await get("/readyz")).toEqual([200, "ok"]);
    stale = undefined;
    expect(await get("/livez")).toEqual([200, "ok"]);
  });

  it("fails a check that throws, without its words", async () => {
    const { health, get } = await serve();
    health.addLivez("odd", () => {
      throw new Error("s3cret");
    });
    expect(await get("/livez")).toEqual([
      500,
      "[+]ping ok\n[-]odd failed: the check itself failed\nlivez check failed\n",
    ]);
  });

  it("answers nothing else", async () => {
    const { get } = await serve();
    expect((await get("/metrics"))[0]).toBe(404);
    expect((await get("/log-level"))[0]).toBe(404);
    expect((await get("/"))[0]).toBe(404);
    expect((await get("/toString"))[0]).toBe(404);
    expect((await get("/livez/a/b"))[0]).toBe(404);
    expect((await get("/livez", "POST"))[0]).toBe(405);
  });

  it("says when its address is taken, and refuses a second check of a name", async () => {
    const { health, port } = await serve();
    const second = new HealthServer({ host: "127.0.0.1", port });
    await expect(second.listen()).rejects.toThrow("EADDRINUSE");
    await second.close();
    health.addLivez("a", () => undefined);
    expect(() => health.addLivez("a", () => undefined)).toThrow("there is a livez check a already");
  });

  it("tells the log level and takes another, of which it knows all", async () => {
    const logLevel = new LevelSwitch("info");
    const { port, get } = await serve({ logLevel });
    const put = async (body: string) => {
      const answer = await request(`http://127.0.0.1:${port}/log-level`, { method: "PUT", body });
      return [answer.statusCode, await answer.body.text()];
    };
    expect(await get("/log-level")).toEqual([200, "info\n"]);
    expect(await put("debug\n")).toEqual([200, "debug\n"]);
    expect(logLevel.level).toBe("debug");
    expect(await get("/log-level")).toEqual([200, "debug\n"]);
    expect(await put("verbose")).toEqual([
      400,
      "give one of silent, fatal, error, warn, info, debug, trace\n",
    ]);
    expect((await put("debug".repeat(1_000)))[0]).toBe(400);
    expect((await get("/log-level", "POST"))[0]).toBe(405);
    expect(logLevel.level).toBe("debug");
  });

  it("takes a log level from the machine itself only", async () => {
    const logLevel = new LevelSwitch("info");
    // All of 127.0.0.0/8 reaches it, but a proxy beside the pod that passes others' requests on comes from 127.0.0.6.
    const { port } = await serve({ logLevel, host: "127.0.0.1" });
    const dispatcher = new Agent({ localAddress: "127.0.0.6" });
    const answer = await request(`http://127.0.0.1:${port}/log-level`, {
      method: "PUT",
      body: "trace",
      dispatcher,
    });
    expect(answer.statusCode).toBe(403);
    await answer.body.dump();
    await dispatcher.close();
    expect(logLevel.level).toBe("info");
  });
});
