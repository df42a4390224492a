import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIssuer } from "../../tools/factory/index.ts";
import { FakeIotCore } from "../registries/aws-iot/testing/iot-core.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import {
  answerWithinMs,
  createGatewayHandler,
  type GatewayEvent,
  type GatewayResult,
  routePath,
} from "./aws-lambda-handler.ts";
import { createLambdaLog } from "./aws-lambda-log.ts";

const AUDIENCE = "123456789012";
let key: SigningKey;
let env: Record<string, string>;
let token: string;

beforeAll(async () => {
  key = await generateSigningKey();
  env = { AUDIENCE, JWKS: JSON.stringify(publicJwks([key])), AWS_REGION: "eu-central-1" };
  token = await new TokenSource({ key, issuer: "certferry", audience: AUDIENCE }).token();
});

/** As API Gateway sends it for a REST API with proxy integration. */
function event(method: string, path: string, body?: object, bearer?: string): GatewayEvent {
  const headers: Record<string, string> = {
    Host: "abc.execute-api.eu-central-1.amazonaws.com",
    "Content-Type": "application/json",
    ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
  };
  return {
    version: "1.0",
    resource: path,
    path,
    httpMethod: method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    pathParameters: {},
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: { stage: "Prod", path: `/Prod${path}` } as GatewayEvent["requestContext"],
  };
}

const context = (remainingMs: number, awsRequestId = "req-1") =>
  ({ awsRequestId, getRemainingTimeInMillis: () => remainingMs }) as Parameters<
    ReturnType<typeof createGatewayHandler>
  >[1];

function host(change: Record<string, string | undefined> = {}) {
  const lines: string[] = [];
  const core = new FakeIotCore();
  const log = createLambdaLog((line) => lines.push(line));
  const answer = createGatewayHandler({ ...env, ...change }, log, core.client);
  return { core, lines, answer };
}

const device = async (ref: string) => {
  const { pem } = await (await createIssuer()).issueDevice({ batchId: "R1" });
  return { ref, cert: Buffer.from(pem).toString("base64") };
};

describe("the function behind a gateway", () => {
  it("answers the three routes, and 404 to others", async () => {
    const { answer } = host();
    const ask = async (...args: Parameters<typeof event>) => {
      const { statusCode, body } = await answer(event(...args), context(29_000));
      return `${statusCode} ${body}`;
    };
    expect(await ask("GET", "/")).toBe("200 OK");
    expect(await ask("GET", "/auth")).toBe('401 {"error":"Missing Authorization Header"}');
    expect(await ask("GET", "/auth", undefined, token)).toBe("200 OK");
    expect(await ask("POST", "/interop", { action: "info" }, token)).toMatch(
      /^200 \{"action":"info","compatibilityVersion":1,"capabilities":\["batch","codes","status","deprovision"\]\}$/,
    );
    expect(await ask("POST", "/interop", { action: "info" }, "a.b.c")).toMatch(/^401 /);
    expect(await ask("GET", "/other")).toBe('404 {"error":"Not found"}');
  });

  it("lets a device into AWS IoT, and says so without its certificate or the token", async () => {
    const { answer, core, lines } = host({ IOT_POLICY: "P", THING_GROUP_PREFIX: "g-", DEFAULT_TOPIC: "t" });
    core.policies.set("P", new Set());
    const { ref, cert } = await device("17");
    const request = { action: "provision", batch: "R1", certs: [{ ref, cert }] };
    const { statusCode, body } = await answer(
      event("POST", "/interop", request, token),
      context(29_000, "req-7"),
    );
    expect(statusCode).toBe(200);
    expect(JSON.parse(body)).toMatchObject([{ ref, status: "SUCCESS", topic: "t", policyApplied: true }]);
    expect([...core.things.keys()]).toEqual([expect.stringMatching(/^Infineon_[0-9A-F]+$/)]);
    expect([...core.groups.keys()]).toEqual(["g-R1"]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: "INFO",
        requestId: "req-7",
        message: "answered",
        action: "provision",
        certificates: 1,
        refused: 0,
      },
    ]);
    expect(lines.join()).not.toContain(token);
    expect(lines.join()).not.toContain(cert.slice(40, 80));
  });

  it("answers what it has before the function's time is up, and tells its log what held it up", async () => {
    const { answer, core, lines } = host();
    core.trouble = (action) => (action === "AttachThingPrincipal" ? "hangs" : undefined);
    const request = { action: "provision", codes: true, certs: [await device("17")] };
    const started = performance.now();
    const { statusCode, body } = await answer(event("POST", "/interop", request, token), context(2300));
    expect(performance.now() - started).toBeLessThan(2300);
    expect(statusCode).toBe(200);
    expect(JSON.parse(body)).toMatchObject([{ ref: "17", code: "OutOfTime", retryable: true }]);
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        level: "ERROR",
        requestId: "req-1",
        faults: [{ action: "AttachThingPrincipal", error: "AbortError", code: "OutOfTime", count: 1 }],
      }),
    );
  });

  it("answers in 25 s at most, since the gateway waits 29 s, whatever time the function has", () => {
    const within = (remaining: number): number => answerWithinMs({ lambdaContext: context(remaining) });
    expect([within(900_000), within(29_000), within(10_000), within(1000)]).toEqual([
      25_000, 25_000, 8000, -1000,
    ]);
    expect([answerWithinMs({}), answerWithinMs(undefined)]).toEqual([25_000, 25_000]);
  });

  it.each<[string, Partial<GatewayEvent>, string]>([
    ["a resource of its own", { resource: "/interop", path: "/interop" }, "/interop"],
    ["a domain with a base path", { resource: "/interop", path: "/iot/v1/interop" }, "/interop"],
    ["the root", { resource: "/", path: "/" }, "/"],
    [
      "a proxy resource",
      { resource: "/{proxy+}", path: "/x/auth", pathParameters: { proxy: "auth" } },
      "/auth",
    ],
    ["another pattern, without the stage", { resource: "/{a}", path: "/interop" }, "/interop"],
    ["another pattern, with the stage", { resource: "/{a}", path: "/Prod/interop" }, "/interop"],
    ["another pattern, at the stage", { resource: "/{a}", path: "/Prod" }, "/"],
    ["a name that begins like the stage", { resource: "/{a}", path: "/Production" }, "/Production"],
  ])("finds the route behind %s", (_, change, expected) => {
    expect(routePath({ ...event("GET", "/"), ...change })).toBe(expected);
  });

  it("does not crash with a bad environment: it says what to do, in its log alone", async () => {
    const { answer, lines } = host({ AUDIENCE: undefined, JWKS: '{"keys":[]}' });
    const { statusCode, body } = await answer(event("GET", "/"), context(29_000, "req-9"));
    expect(statusCode).toBe(500);
    expect(JSON.parse(body)).toEqual({ error: "The callee is not configured" });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        level: "ERROR",
        faults: [expect.stringMatching(/^AUDIENCE /), expect.stringMatching(/^JWKS /)],
      }),
      expect.objectContaining({ level: "ERROR", requestId: "req-9" }),
    ]);
  });
});

describe("the bundle that is deployed", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-lambda-"));
    // Stands in for Lambda's runtime: loads the module, hands it one event, passes its result on.
    await writeFile(
      join(folder, "runtime.mjs"),
      `const { handler } = await import(process.argv[2]);
      process.on("message", async ({ event, remaining }) => {
        const context = { awsRequestId: "req-1", getRemainingTimeInMillis: () => remaining };
        process.send(await handler(event, context));
      });
      process.send("ready");`,
    );
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function askBundle(
    file: string,
    environment: Record<string, string>,
    events: readonly GatewayEvent[],
  ): Promise<{ results: GatewayResult[]; output: string }> {
    const child = fork(join(folder, "runtime.mjs"), [file], {
      cwd: folder,
      env: environment,
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      timeout: 30_000,
    });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const results: GatewayResult[] = [];
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`it ended: ${output}`)));
    try {
      await Promise.race([once(child, "message"), ended]);
      for (const each of events) {
        child.send({ event: each, remaining: 29_000 });
        const [result] = (await Promise.race([once(child, "message"), ended])) as [GatewayResult];
        results.push(result);
      }
    } finally {
      ended.catch(() => {});
      child.kill();
      await once(child, "close");
    }
    return { results, output };
  }

  it.each(["esm", "cjs"] as const)(
    "is one file (%s) that answers by itself, and stays small",
    async (format) => {
      const file = join(folder, format === "esm" ? "index.mjs" : "index.cjs");
      const { metafile, warnings } = await build({
        entryPoints: [join(import.meta.dirname, "aws-lambda.ts")],
        outfile: file,
        bundle: true,
        platform: "node",
        target: "node24",
        format,
        minify: true,
        mainFields: ["module", "main"],
        metafile: true,
        logLevel: "silent",
      });
      expect(warnings).toEqual([]);
      expect(Object.keys(metafile.outputs)).toHaveLength(1);
      const [output] = Object.values(metafile.outputs);
      expect(output?.bytes).toBeLessThan(1_500_000);
      // Nothing is loaded from beside it: what is left to import is Node's own.
      for (const { path } of output?.imports ?? []) expect(path).toMatch(/^(node:)?[a-z_/]+$/);

      const asked = [
        event("GET", "/"),
        event("GET", "/auth", undefined, token),
        event("POST", "/interop", { action: "info" }, token),
        event("POST", "/interop", { action: "info" }),
      ];
      const { results } = await askBundle(file, env, asked);
      expect(results.map(({ statusCode, body }) => `${statusCode} ${body}`)).toEqual([
        "200 OK",
        "200 OK",
        expect.stringMatching(/^200 \{"action":"info","compatibilityVersion":1,/),
        '401 {"error":"Missing Authorization Header"}',
      ]);

      const bad = await askBundle(file, { AUDIENCE }, [event("GET", "/")]);
      expect(bad.results).toMatchObject([{ statusCode: 500 }]);
      expect(bad.output).toContain("JWKS must be set");
    },
  );
});
