import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { eventually } from "../../tools/cluster/eventually.ts";
import { createIssuer, issueServerCertificate } from "../../tools/factory/index.ts";
import { ApiError } from "./api-error.ts";
import { KubeClient } from "./client.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { describeError } from "./logger.ts";
import type { KubeObject, ResourceKind } from "./objects.ts";
import {
  answer,
  brokenConnection,
  listOf,
  ScriptedServer,
  silence,
  status,
} from "./testing/scripted-server.ts";

const CONFIG_MAP: ResourceKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};
const SECRET: ResourceKind = { ...CONFIG_MAP, plural: "secrets", kind: "Secret" };
const KEY = { namespace: "a", name: "b" };
const OBJECT: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "a", name: "b" } };
const OK = answer(200, OBJECT);

/** Time passes at once, and it is noted for how long was slept. */
function hastyClock(): { clock: Clock; slept: number[] } {
  const slept: number[] = [];
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  return { clock: { ...systemClock, sleep }, slept };
}

let server: ScriptedServer;
let folder: string;
const clients: KubeClient[] = [];

function connect(
  o: { user?: Parameters<ScriptedServer["config"]>[0]; cluster?: Parameters<ScriptedServer["config"]>[1] } & {
    requestTimeoutMs?: number;
    clock?: Clock;
    mayWrite?: () => boolean;
  } = {},
): KubeClient {
  const { user, cluster, ...options } = o;
  const client = new KubeClient(server.config(user, cluster), options);
  clients.push(client);
  return client;
}

function configMaps(o?: Parameters<typeof connect>[0]) {
  return connect(o).resource<KubeObject>(CONFIG_MAP);
}

async function whatIsLogged(failure: Promise<unknown>): Promise<string> {
  return JSON.stringify(describeError(await failure.catch((error: unknown) => error)));
}

beforeEach(async () => {
  server = await ScriptedServer.start();
  folder = await mkdtemp(join(tmpdir(), "runtime-client-"));
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
  await rm(folder, { recursive: true });
});

describe("repetition", () => {
  it.each([
    ["500", answer(500, status(500, "InternalError", "etcd is away"))],
    ["503", answer(503, status(503, "ServiceUnavailable", "starting"))],
    ["a broken connection", brokenConnection],
  ])("repeats a read after %s", async (_name, fault) => {
    server.next.push(fault, fault, OK);
    expect(await configMaps({ clock: hastyClock().clock }).get(KEY)).toEqual(OBJECT);
    expect(server.received).toHaveLength(3);
  });

  it("gives up a read after four tries, with the last fault", async () => {
    server.otherwise = answer(503, status(503, "ServiceUnavailable", "starting"));
    const { clock, slept } = hastyClock();
    await expect(configMaps({ clock }).get(KEY)).rejects.toMatchObject({
      status: 503,
      reason: "ServiceUnavailable",
      message: "GET /api/v1/namespaces/a/configmaps/b: 503 ServiceUnavailable: starting",
    });
    expect(server.received).toHaveLength(4);
    expect(slept).toHaveLength(3);
  });

  it.each([
    ["500", answer(500, status(500, "InternalError", "no")), { status: 500 }],
    ["a broken connection", brokenConnection, { status: 0, reason: "ConnectionBroken" }],
  ])("does not repeat a write after %s: it may have been done", async (_name, fault, expected) => {
    server.next.push(fault);
    await expect(configMaps().create(OBJECT)).rejects.toMatchObject(expected);
    expect(server.received).toHaveLength(1);
  });

  it("waits for as long as flow control asks, and repeats writes too", async () => {
    server.next.push(answer(429, status(429, "TooManyRequests", "slow down"), { "retry-after": "7" }), OK);
    const { clock, slept } = hastyClock();
    await configMaps({ clock }).update(OBJECT);
    expect(slept).toEqual([7_000]);
    expect(server.received.map(({ method, body }) => ({ method, body }))).toEqual([
      { method: "PUT", body: OBJECT },
      { method: "PUT", body: OBJECT },
    ]);
  });

  it("does not wait for longer than it has time", async () => {
    server.next.push(answer(429, status(429, "TooManyRequests", "slow down"), { "retry-after": "60" }));
    await expect(configMaps().get(KEY)).rejects.toMatchObject({ status: 429, retryAfterMs: 60_000 });
  });

  it("says when no server is there", async () => {
    const gone = await ScriptedServer.start();
    const config = gone.config();
    await gone.close();
    const client = new KubeClient(config, { clock: hastyClock().clock });
    clients.push(client);
    await expect(client.resource(CONFIG_MAP).get(KEY)).rejects.toMatchObject({
      reason: "ConnectionFailed",
      message: expect.stringContaining(`cannot reach http://127.0.0.1:`) as string,
    });
  });
});

describe("a process that may not write any more", () => {
  it("sends no write, even when it asked for one before; it reads, and renews its lease", async () => {
    let may = true;
    server.otherwise = OK;
    const client = connect({ mayWrite: () => may });
    const objects = client.resource<KubeObject>(CONFIG_MAP);
    await objects.update(OBJECT);
    const asked = objects.update(OBJECT);
    may = false;
    const refusals = await Promise.allSettled([
      asked,
      objects.create(OBJECT),
      objects.patch(KEY, {}),
      objects.delete(KEY),
    ]);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: "rejected", reason: { status: 0, reason: "NotLeading" } });
    }
    await objects.get(KEY);
    const lease = {
      group: "coordination.k8s.io",
      version: "v1",
      plural: "leases",
      kind: "Lease",
      namespaced: true,
    };
    await client.resource<KubeObject>(lease).update(OBJECT);
    expect(server.received.map(({ method }) => method)).toEqual(["PUT", "GET", "PUT"]);
    may = true;
    await objects.update(OBJECT);
    expect(server.received).toHaveLength(4);
  });
});

describe("deadlines", () => {
  it("gives up a server that hangs, before or amid its answer", async () => {
    const half: typeof silence = (response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"kind":');
    };
    for (const hang of [silence, half]) {
      server.next.push(hang);
      await expect(configMaps({ requestTimeoutMs: 100 }).get(KEY)).rejects.toMatchObject({
        reason: "Timeout",
        status: 0,
        message: expect.stringContaining("no answer from http://127.0.0.1") as string,
      });
    }
  });

  it("gives up credentials that never come", async () => {
    const exec = {
      command: process.execPath,
      args: ["-e", "setTimeout(() => {}, 2000)"],
      interactiveMode: "Never",
    };
    const get = configMaps({ requestTimeoutMs: 100, user: { token: "", exec } }).get(KEY);
    await expect(get).rejects.toMatchObject({ reason: "Timeout" });
    expect(server.received).toHaveLength(0);
  });

  it("ends with the caller's reason when that aborts", async () => {
    server.otherwise = silence;
    const abort = new AbortController();
    const get = configMaps().get(KEY, abort.signal);
    abort.abort(new Error("no longer needed"));
    await expect(get).rejects.toThrow("no longer needed");
    await expect(configMaps().get(KEY, abort.signal)).rejects.toThrow("no longer needed");
  });
});

describe("credentials", () => {
  const refusal = answer(401, status(401, "Unauthorized", "Unauthorized"));

  it("reads a token file anew when its token is refused, once", async () => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "old");
    const reels = configMaps({
      user: { token: "", authProvider: { name: "tokenFile", config: { tokenFile } } },
    });
    server.next.push(OK);
    await reels.get(KEY);
    await writeFile(tokenFile, "new");
    server.next.push(refusal, OK);
    await reels.get(KEY);
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer old",
      "Bearer old",
      "Bearer new",
    ]);

    server.next.push(refusal, refusal);
    await expect(reels.create(OBJECT)).rejects.toMatchObject({ status: 401, reason: "Unauthorized" });
    expect(server.received).toHaveLength(5);
  });

  it("asks an exec plugin once for many requests, and once more when its token is refused", async () => {
    const runs = join(folder, "runs");
    const script = `
      require("fs").appendFileSync(${JSON.stringify(runs)}, "x");
      const token = "token-" + require("fs").readFileSync(${JSON.stringify(runs)}, "utf8").length;
      console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } }));`;
    const exec = { command: process.execPath, args: ["-e", script], interactiveMode: "Never" };
    const reels = configMaps({ user: { token: "", exec } });
    server.otherwise = (response, request) =>
      (request.headers.authorization === "Bearer token-1" ? refusal : OK)(response, request);
    const answers = await Promise.all(Array.from({ length: 10 }, () => reels.get(KEY)));
    expect(answers).toHaveLength(10);
    expect(await readFile(runs, "utf8")).toBe("xx");
  });

  it("does not forget new credentials when a request is refused late with the old ones", async () => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "old");
    const reels = configMaps({
      user: { token: "", authProvider: { name: "tokenFile", config: { tokenFile } } },
    });
    const late = Promise.withResolvers<void>();
    server.next.push((response, request) => void late.promise.then(() => refusal(response, request)));
    const first = reels.get(KEY);
    await eventually(() => server.received.length === 1, { what: "the first request", interval: 5 });
    await writeFile(tokenFile, "new");
    server.next.push(refusal, OK);
    await reels.get(KEY);
    await writeFile(tokenFile, "newer");
    server.next.push(OK);
    late.resolve();
    await first;
    expect(server.received.map(({ headers }) => headers.authorization?.slice(7))).toEqual([
      "old",
      "old",
      "new",
      "new",
    ]);
  });

  it("does not repeat what an exec plugin said when it fails", async () => {
    const script = 'console.error("s3cret"); process.exit(1)';
    const exec = { command: process.execPath, args: ["-e", script], interactiveMode: "Never" };
    const failure = configMaps({ user: { token: "", exec } }).get(KEY);
    await expect(failure).rejects.toMatchObject({ reason: "Credentials", status: 0 });
    expect(await whatIsLogged(failure)).not.toContain("s3cret");
  });

  it("does not go to a server over plain http unless the kubeconfig says so", () => {
    expect(() => connect({ cluster: { skipTLSVerify: false } })).toThrow(
      "cluster scripted is served over plain http",
    );
  });

  it("sends basic authentication and impersonation", async () => {
    server.otherwise = OK;
    await configMaps({ user: { token: "", username: "ada", password: "pw", impersonateUser: "eve" } }).get(
      KEY,
    );
    expect(server.received[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from("ada:pw").toString("base64")}`,
      "impersonate-user": "eve",
      "user-agent": "certferry",
    });
  });

  it("proves itself by a client certificate, trusts the cluster's CA only, and follows a rotation", async () => {
    const issuer = await createIssuer();
    const tls = await issueServerCertificate({ hosts: ["127.0.0.1"], issuer });
    const secure = await ScriptedServer.start({
      key: tls.keyPem,
      cert: tls.certPem,
      ca: tls.caPem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const certFile = join(folder, "cert.pem");
    const keyFile = join(folder, "key.pem");
    const take = async (serial: string): Promise<void> => {
      const { pem, privateKey } = await issuer.issueDevice({ batchId: "none", serial });
      await writeFile(certFile, pem);
      await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
    };
    await take("11111111");
    const cluster = { server: `https://127.0.0.1:${secure.port}`, skipTLSVerify: false };
    const user = { token: "", certFile, keyFile };
    let now = 0;
    const clock = { ...hastyClock().clock, monotonic: () => now };
    try {
      secure.otherwise = OK;
      const caData = Buffer.from(tls.caPem).toString("base64");
      const trusting = configMaps({ user, cluster: { ...cluster, caData }, clock });
      await trusting.get(KEY);
      await take("22222222");
      now += 60_000;
      await trusting.get(KEY);
      expect(secure.received.map(({ peerSerial }) => peerSerial)).toEqual(["11111111", "22222222"]);

      const distrusting = configMaps({ user, cluster, clock });
      await expect(distrusting.get(KEY)).rejects.toMatchObject({ reason: "ConnectionFailed" });
      expect(secure.received).toHaveLength(2);
    } finally {
      await secure.close();
    }
  });
});

describe("answers", () => {
  it.each([
    [answer(200, "<html>sign in: s3cret</html>"), { status: 0, reason: "BadAnswer" }],
    [answer(502, "<html>bad gateway s3cret</html>"), { status: 502, reason: "Http502" }],
    [answer(302, "s3cret", { location: "/elsewhere" }), { status: 302, reason: "Http302" }],
  ])("that are not a Kubernetes server's are refused and not quoted", async (foreign, expected) => {
    server.otherwise = foreign;
    const failure = configMaps({ clock: hastyClock().clock }).get(KEY);
    await expect(failure).rejects.toMatchObject(expected);
    expect(await whatIsLogged(failure)).not.toContain("s3cret");
  });

  it("about Secrets are not quoted", async () => {
    server.otherwise = answer(422, status(422, "Invalid", 'data: Invalid value: "s3cret"'));
    const failure = connect()
      .resource<KubeObject>(SECRET)
      .create({ ...OBJECT, kind: "Secret" });
    await expect(failure).rejects.toThrow("POST /api/v1/namespaces/a/secrets: 422 Invalid");
    expect(await whatIsLogged(failure)).not.toContain("s3cret");
  });

  it("are read on few connections", async () => {
    server.otherwise = OK;
    const reels = configMaps();
    for (let i = 0; i < 30; i += 1) await reels.get(KEY);
    expect(server.connections).toBeLessThanOrEqual(3);
  });

  it("come from below the cluster's path", async () => {
    server.otherwise = OK;
    await configMaps({ cluster: { server: `http://127.0.0.1:${server.port}/k8s/c-1/` } }).get(KEY);
    expect(server.received[0]?.path).toBe("/k8s/c-1/api/v1/namespaces/a/configmaps/b");
  });
});

describe("list", () => {
  const item = (name: string) => ({ metadata: { namespace: "a", name } });
  const names = (items: KubeObject[]): string[] => items.map(({ metadata }) => metadata.name);

  it("reads page after page, and gives the items the type that the server leaves out", async () => {
    server.next.push(answer(200, listOf([item("x")], "7", "more")), answer(200, listOf([item("y")], "7")));
    const listed = await configMaps().list({ namespace: "a", labelSelector: "k=v" });
    expect(listed).toEqual({
      items: [
        { apiVersion: "v1", kind: "ConfigMap", ...item("x") },
        { apiVersion: "v1", kind: "ConfigMap", ...item("y") },
      ],
      resourceVersion: "7",
    });
    expect(server.received.map(({ query }) => Object.fromEntries(query))).toEqual([
      { labelSelector: "k=v", limit: "500" },
      { labelSelector: "k=v", limit: "500", continue: "more" },
    ]);
  });

  it("begins again, all at once, when the pages expire while they are read", async () => {
    server.next.push(
      answer(200, listOf([item("old")], "7", "more")),
      answer(410, status(410, "Expired", "the continue token is too old")),
      answer(200, listOf([item("x"), item("y")], "9")),
    );
    const listed = await configMaps().list();
    expect(names(listed.items)).toEqual(["x", "y"]);
    expect(listed.resourceVersion).toBe("9");
    expect(server.received[2]?.query.has("limit")).toBe(false);
  });

  it("refuses what is not a list", async () => {
    server.otherwise = OK;
    await expect(configMaps().list()).rejects.toMatchObject({ reason: "BadAnswer" });
  });
});

describe("objects", () => {
  it("without a name or a needed namespace are refused before anything is sent", async () => {
    const reels = configMaps();
    await expect(reels.get({ name: "" })).rejects.toThrow("a ConfigMap needs a name");
    await expect(reels.create({ ...OBJECT, metadata: { name: "b" } })).rejects.toThrow(
      "ConfigMap b needs a namespace",
    );
    expect(server.received).toEqual([]);
  });

  it("that are not there are found to be undefined, and deleted without an error", async () => {
    const reels = configMaps();
    expect(await reels.find(KEY)).toBeUndefined();
    await expect(reels.delete(KEY)).resolves.toBeUndefined();
    await expect(reels.get(KEY)).rejects.toBeInstanceOf(ApiError);
  });
});

it("close ends what is under way", async () => {
  server.otherwise = silence;
  const client = connect({ clock: hastyClock().clock });
  const get = client.resource(CONFIG_MAP).get(KEY);
  const outcome = get.catch((error: unknown) => error);
  while (server.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await client.close();
  expect(await outcome).toMatchObject({ status: 0, reason: "Closed" });
});
