import { createServer as createPlainServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GATEWAY_FAULTS, startCloud, type TestCloud } from "../../test/clouds/index.ts";
import { createIssuer, type FactoryDevice } from "../../tools/factory/index.ts";
import { EgressPolicy } from "../egress/policy.ts";
import { ENTRY_MESSAGES } from "../protocol/messages.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import { InteropCaller, InteropError, type InteropTarget } from "./caller.ts";

const AUDIENCE = "123456789012";
const egress = new EgressPolicy({ allowCidrs: ["127.0.0.1/32"], env: {} });
const never = new AbortController().signal;

let caller: InteropCaller;
let key: SigningKey;
let cloud: TestCloud;
let devices: readonly FactoryDevice[];

function targetOf(cloud: TestCloud, more: Partial<InteropTarget> = {}): InteropTarget {
  const tokens = new TokenSource({ key, issuer: "certferry", audience: AUDIENCE });
  return {
    url: cloud.url,
    auth: { kind: "bearer", token: () => tokens.token() },
    caBundle: cloud.caPem,
    ...more,
  };
}

const certs = (): { ref: string; der: Uint8Array }[] =>
  devices.map(({ der }, index) => ({ ref: `d${index}`, der }));

async function failureOf(call: Promise<unknown>): Promise<InteropError> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (error: unknown) => error,
  );
  if (error instanceof InteropError) return error;
  throw error instanceof Error ? error : new Error(String(error));
}

beforeAll(async () => {
  caller = new InteropCaller({ egress });
  key = await generateSigningKey();
  const issuer = await createIssuer();
  devices = await issuer.issueMany(5, { batchId: "D006" });
  cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
});

afterAll(async () => {
  await caller.close();
  await cloud.stop();
});

describe("a cloud that works", () => {
  it("says its version", async () => {
    expect(await caller.info(targetOf(cloud), never)).toEqual({ compatibilityVersion: 1, capabilities: [] });
  });

  it.each(["aws", "azure"] as const)(
    "lets all devices in as %s, whatever the order of its entries",
    async (flavor) => {
      await using cloud = await startCloud({ flavor, jwks: publicJwks([key]), audience: AUDIENCE });
      cloud.manners = { reverse: true, strangers: true };
      const answers = await caller.provision(targetOf(cloud), certs(), never);
      expect([...answers.keys()].sort()).toEqual(["d0", "d1", "d2", "d3", "d4"]);
      for (const answer of answers.values())
        expect(answer).toMatchObject({ outcome: "provisioned", topic: "iqs" });
      expect(cloud.registry.counts()).toMatchObject({ devices: 5, pushes: 5 });
    },
  );

  it("is sent nothing that v1 does not know, and PEM with lines of 64 columns", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    await caller.info(targetOf(cloud), never);
    await caller.provision(targetOf(cloud), certs(), never);
    expect(cloud.received.of("info").map(({ members }) => members)).toEqual([["action"]]);
    expect(cloud.received.of("provision").map(({ members }) => [...members].sort())).toEqual([
      ["action", "certs", "certs[].cert", "certs[].ref"],
    ]);
    expect(cloud.registry.list().map(({ serial }) => serial)).toEqual(devices.map(({ serial }) => serial));
  });

  it("is reached as Other, with user name and password", async () => {
    const basic = { username: "ferry", password: "päss:word" };
    await using cloud = await startCloud({ flavor: "aws", basic, basePath: "" });
    const target = targetOf(cloud, { auth: { kind: "basic", ...basic } });
    expect((await caller.provision(target, certs(), never)).size).toBe(5);
    const wrong = targetOf(cloud, { auth: { kind: "basic", username: "ferry", password: "guess" } });
    const error = await failureOf(caller.info(wrong, never));
    expect(error).toMatchObject({ reason: "Unauthorized", httpStatus: 401, transient: false });
    expect(error.message).toContain("user name and password");
    expect(error.message).not.toContain("guess");
  });

  it("keeps its connections", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    const began = performance.now();
    for (let call = 0; call < 20; call += 1) await caller.info(targetOf(cloud), never);
    expect(cloud.connections).toBe(1);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("entries", () => {
  it("that are missing leave their refs out", async () => {
    await using cloud = await startCloud({ flavor: "azure", jwks: publicJwks([key]), audience: AUDIENCE });
    cloud.manners = { leaveOut: ["d1", "d3"] };
    const answers = await caller.provision(targetOf(cloud), certs(), never);
    expect([...answers.keys()].sort()).toEqual(["d0", "d2", "d4"]);
  });

  it("that contradict themselves are failures, in either order", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    for (const reverse of [false, true]) {
      cloud.manners = { twice: "contradicting", reverse };
      const answers = await caller.provision(targetOf(cloud), certs(), never);
      expect([...answers.values()].map(({ outcome }) => outcome)).toEqual(Array(5).fill("refused"));
    }
  });

  it("say when a device comes in without a policy, or when throttling hides behind a refusal", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    cloud.manners = { withoutPolicy: true, hiddenThrottle: { devicesPerSecond: 2 } };
    const answers = await caller.provision(targetOf(cloud), certs(), never);
    const got = certs().map(({ ref }) => answers.get(ref));
    expect(got[0]).toMatchObject({ outcome: "provisioned", policyApplied: false });
    expect(got[4]).toEqual({
      outcome: "refused",
      message: ENTRY_MESSAGES.registrationFailed,
      code: "RegistrationFailed",
      retryable: true,
      hiddenThrottle: true,
    });
  });
});

describe("a cloud that fails", () => {
  const rows = [
    [{ kind: "halfBody" }, { reason: "BadAnswer", transient: true }],
    [{ kind: "cutBody" }, { reason: "ConnectionBroken", transient: true }],
    [{ kind: "html" }, { reason: "BadAnswer", transient: true }],
    [{ kind: "empty" }, { reason: "BadAnswer", transient: true }],
    [{ kind: "notAList" }, { reason: "BadAnswer", transient: true }],
    [{ kind: "reset" }, { reason: "ConnectionBroken", transient: true }],
    [{ kind: "refuseToken" }, { reason: "Unauthorized", transient: false, httpStatus: 401 }],
    [
      { kind: "status", status: 403 },
      { reason: "Unauthorized", transient: false, httpStatus: 403 },
    ],
    [
      { kind: "status", status: 404 },
      { reason: "NotAnInteropEndpoint", transient: false },
    ],
    [
      { kind: "status", status: 405 },
      { reason: "NotAnInteropEndpoint", transient: false },
    ],
    [
      { kind: "status", status: 302 },
      { reason: "NotAnInteropEndpoint", transient: false, httpStatus: 302 },
    ],
    [
      { kind: "status", status: 308 },
      { reason: "NotAnInteropEndpoint", transient: false, httpStatus: 308 },
    ],
    [
      { kind: "status", status: 400 },
      { reason: "BadRequest", transient: false, httpStatus: 400 },
    ],
    [
      { kind: "status", status: 413 },
      { reason: "BadRequest", transient: false, httpStatus: 413 },
    ],
    [
      { kind: "status", status: 500 },
      { reason: "ServerError", transient: true, httpStatus: 500 },
    ],
    [
      { kind: "status", status: 204 },
      { reason: "BadAnswer", transient: true, httpStatus: 204 },
    ],
    [
      { kind: "status", status: 503, retryAfter: "7" },
      { reason: "ServerError", transient: true, httpStatus: 503, retryAfterMs: 7000 },
    ],
    [
      { kind: "status", status: 429, retryAfter: "2" },
      { reason: "Throttled", transient: true, httpStatus: 429, retryAfterMs: 2000 },
    ],
    [GATEWAY_FAULTS.throttled, { reason: "Throttled", transient: true }],
    [GATEWAY_FAULTS.quotaUsedUp, { reason: "Throttled", transient: true }],
    [GATEWAY_FAULTS.timedOut, { reason: "Timeout", transient: true, httpStatus: 504 }],
    [GATEWAY_FAULTS.forbidden, { reason: "NotAnInteropEndpoint", transient: false, httpStatus: 403 }],
    [GATEWAY_FAULTS.missingToken, { reason: "NotAnInteropEndpoint", transient: false, httpStatus: 403 }],
  ] as const;

  it.each(rows)("%j gives %j", async (fault, expected) => {
    cloud.fail(fault);
    const error = await failureOf(caller.provision(targetOf(cloud), certs(), never));
    expect(error).toMatchObject(expected);
    const { host } = new URL(cloud.url);
    expect(error.message).toContain(host);
    expect(error.message).toContain("httpStatus" in expected ? String(expected.httpStatus) : "");
    expect(error.message).not.toMatch(/as the test wants it|eyJ|doctype|Forbidden/);
    expect((await caller.provision(targetOf(cloud), certs(), never)).size).toBe(5);
  });

  it("reads a date in Retry-After by its own clock", async () => {
    const now = Date.parse("2026-11-05T10:00:00Z");
    const caller = new InteropCaller({ egress, now: () => now });
    cloud.fail({ kind: "status", status: 429, retryAfter: "Thu, 05 Nov 2026 10:01:30 GMT" });
    const error = await failureOf(caller.provision(targetOf(cloud), certs(), never));
    expect(error.retryAfterMs).toBe(90_000);
    await caller.close();
  });

  it("hints at the stage when a gateway does not know it", async () => {
    cloud.fail(GATEWAY_FAULTS.missingToken, { on: "info" });
    expect((await failureOf(caller.info(targetOf(cloud), never))).message).toContain("stage");
  });

  it("hangs past the deadline", async () => {
    const impatient = new InteropCaller({ egress, deadlineMs: 300 });
    cloud.fail({ kind: "hang", afterWork: true });
    const error = await failureOf(impatient.provision(targetOf(cloud), certs(), never));
    expect(error).toMatchObject({ reason: "Timeout", transient: true });
    expect(error.message).toContain("0.3 s");
    expect((await impatient.provision(targetOf(cloud), certs(), never)).size).toBe(5);
    await impatient.close();
  });

  it("drips its answer past the deadline", async () => {
    const drip = createPlainServer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => clearInterval(timer));
    });
    const url = await listen(drip);
    const impatient = new InteropCaller({ egress, deadlineMs: 400 });
    const error = await failureOf(impatient.info(targetOf(cloud, { url }), never));
    expect(error.reason).toBe("Timeout");
    await impatient.close();
    drip.closeAllConnections();
    drip.close();
  });

  it("answers with more than it may", async () => {
    const flood = createPlainServer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`[${" ".repeat(200_000)}]`);
    });
    const url = await listen(flood);
    const error = await failureOf(caller.info(targetOf(cloud, { url }), never));
    expect(error.reason).toBe("BadAnswer");
    flood.close();
  });

  it("answers with more than what was sent can need, though it is still small", async () => {
    const [endpoint, topic, note] = ["e".repeat(300), "t".repeat(300), "n".repeat(3_000)];
    const entries = certs().map(({ ref }) => ({ ref, status: "SUCCESS", endpoint, topic, note }));
    let body = JSON.stringify(entries);
    const server = createPlainServer((_request, response) => void response.end(body));
    const url = await listen(server);
    expect((await caller.provision(targetOf(cloud, { url }), certs(), never)).size).toBe(5);
    body = JSON.stringify([...entries, "x".repeat(100_000)]);
    const error = await failureOf(caller.provision(targetOf(cloud, { url }), certs(), never));
    expect(error).toMatchObject({ reason: "BadAnswer", transient: true });
    expect(error.message).toContain("too large");
    server.close();
  });

  it.each([
    ["a web page", "<html>Welcome</html>", "NotAnInteropEndpoint"],
    ["other JSON", '{"status":"ok"}', "NotAnInteropEndpoint"],
    ["an odd version", '{"action":"info","compatibilityVersion":"1"}', "NotAnInteropEndpoint"],
    ["half an answer", '{"action":"info","compat', "BadAnswer"],
    ["nothing", "", "BadAnswer"],
  ])("answers to info with %s", async (_what, body, reason) => {
    const server = createPlainServer((_request, response) => void response.end(body));
    const url = await listen(server);
    expect((await failureOf(caller.info(targetOf(cloud, { url }), never))).reason).toBe(reason);
    server.close();
  });

  it("offers capabilities, of which odd ones are left out", async () => {
    const offered = ["status", 7, "", "x".repeat(65), "depro vision", "deprovision"];
    const body = JSON.stringify({ action: "info", compatibilityVersion: 2, capabilities: offered, more: {} });
    const server = createPlainServer((_request, response) => void response.end(body));
    const url = await listen(server);
    expect(await caller.info(targetOf(cloud, { url }), never)).toEqual({
      compatibilityVersion: 2,
      capabilities: ["status", "deprovision"],
    });
    server.close();
  });
});

describe("a cloud that is not reached", () => {
  it("shows a certificate that nobody vouches for, that has expired, or that is another host's", async () => {
    const { caBundle: _, ...untrusting } = targetOf(cloud);
    const untrusted = await failureOf(caller.info(untrusting, never));
    expect(untrusted).toMatchObject({ reason: "CertificateUntrusted", transient: false });
    expect(untrusted.message).toContain("caBundle");
    for (const [tls, words] of [
      ["expired", "has expired"],
      ["wrongHost", "another host name"],
    ] as const) {
      await using odd = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE, tls });
      const error = await failureOf(caller.info(targetOf(odd), never));
      expect(error).toMatchObject({ reason: "CertificateUntrusted", transient: false });
      expect(error.message).toContain(words);
      expect(odd.received.requests).toEqual([]);
    }
  });

  it("has a caBundle that is none", async () => {
    const error = await failureOf(caller.info(targetOf(cloud, { caBundle: "secret text" }), never));
    expect(error).toMatchObject({ reason: "CertificateUntrusted", transient: false });
    expect(error.message).not.toContain("secret text");
  });

  it("is down, and comes back on its port", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    await caller.info(targetOf(cloud), never);
    await cloud.down();
    expect(await failureOf(caller.info(targetOf(cloud), never))).toMatchObject({
      reason: "ConnectionRefused",
      transient: true,
    });
    await cloud.up();
    expect(await caller.info(targetOf(cloud), never)).toMatchObject({ compatibilityVersion: 1 });
  });

  it.each([
    ["ENOTFOUND", false],
    ["EAI_AGAIN", true],
  ])("has a name that is not resolved (%s)", async (code, transient) => {
    const caller = new InteropCaller({
      egress: new EgressPolicy({
        env: {},
        resolve: (_name, callback) => callback(Object.assign(new Error(code), { code }), []),
      }),
    });
    const url = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/Prod/interop";
    const error = await failureOf(caller.info(targetOf(cloud, { url }), never));
    expect(error).toMatchObject({ reason: "NameNotResolved", transient });
    expect(error.message).toContain("a1b2c3d4e5.execute-api");
    await caller.close();
  });

  it("is not to be reached by the egress policy", async () => {
    const caller = new InteropCaller({ egress: new EgressPolicy({ env: {} }) });
    const error = await failureOf(caller.info(targetOf(cloud), never));
    expect(error).toMatchObject({ reason: "EgressRefused", transient: false });
    expect(error.message).toContain("--egress-allow-cidr 127.0.0.1/32");
    await caller.close();
  });

  it("speaks no TLS at a port where TLS is expected", async () => {
    const plain = createPlainServer((_request, response) => void response.end("OK"));
    const url = (await listen(plain)).replace("http:", "https:");
    expect((await failureOf(caller.info(targetOf(cloud, { url }), never))).reason).toBe(
      "NotAnInteropEndpoint",
    );
    plain.close();
  });

  it("accepts connections and says nothing at all", async () => {
    const silent = createTcpServer(() => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    silent.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const impatient = new InteropCaller({ egress, deadlineMs: 300 });
    const target = targetOf(cloud, { url: `https://127.0.0.1:${port}/interop` });
    expect((await failureOf(impatient.info(target, never))).reason).toBe("Timeout");
    await impatient.close();
    silent.close();
  });

  it.each(["ftp://cloud.example.com/interop", "cloud.example.com", "https://user:secret@cloud.example.com/"])(
    "has an address that is none: %s",
    async (url) => {
      const error = await failureOf(caller.info(targetOf(cloud, { url }), never));
      expect(error).toMatchObject({ reason: "NotAnInteropEndpoint", transient: false });
      expect(error.message).not.toContain("secret");
    },
  );
});

describe("the caller's own side", () => {
  it("gives up at once with the caller's own reason", async () => {
    const gaveUp = new AbortController();
    cloud.fail({ kind: "hang" });
    const call = caller.provision(targetOf(cloud), certs(), gaveUp.signal);
    await expect.poll(() => cloud.received.inFlight).toBe(1);
    gaveUp.abort(new Error("the lease is lost"));
    await expect(call).rejects.toThrow("the lease is lost");
    await expect(caller.info(targetOf(cloud), gaveUp.signal)).rejects.toThrow("the lease is lost");
  });

  it("sends nothing when it is held back between the call and the moment in which it would leave", async () => {
    await using cloud = await startCloud({ flavor: "aws", jwks: publicJwks([key]), audience: AUDIENCE });
    const late = new Error("too late");
    let may = true;
    const provision = () =>
      caller.provision(targetOf(cloud), certs(), never, undefined, () => (may ? undefined : late));
    for (const connected of [false, true]) {
      if (connected) await caller.info(targetOf(cloud), never);
      may = true;
      const call = provision();
      may = false;
      await expect(call).rejects.toBe(late);
    }
    expect(cloud.received.of("provision")).toEqual([]);
    may = true;
    expect((await provision()).size).toBe(5);
  });

  it("sends nothing for nothing, and no ref twice", async () => {
    const before = cloud.received.requests.length;
    expect(await caller.provision(targetOf(cloud), [], never)).toEqual(new Map());
    const [one] = certs();
    if (one === undefined) throw new Error("no device");
    await expect(caller.provision(targetOf(cloud), [one, one], never)).rejects.toThrow(TypeError);
    expect(cloud.received.requests.length).toBe(before);
  });

  it("passes on what keeps it from making a token", async () => {
    const token = (): Promise<string> => Promise.reject(new Error("SigningKeyMissing"));
    const target = targetOf(cloud, { auth: { kind: "bearer", token } });
    await expect(caller.info(target, never)).rejects.toThrow("SigningKeyMissing");
  });
});

async function listen(server: ReturnType<typeof createPlainServer>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/interop`;
}
