import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice } from "../../tools/factory/index.ts";
import { type HubServer, HUB_HOST, startHubServer } from "../registries/azure-iot-hub/testing/hub-server.ts";
import { selfSigned } from "../registries/azure-iot-hub/testing/scene.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import {
  bundleFunction,
  type FunctionsRuntime,
  startFunctionsRuntime,
  startIdentityEndpoint,
} from "./testing/functions-runtime.ts";

const AUDIENCE = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90";
const SECRET = "identity-header-of-this-test";
const HUB_TOKEN = "hub-token-of-this-test";

let code: string;
let hub: HubServer;
let identity: Awaited<ReturnType<typeof startIdentityEndpoint>>;
let key: SigningKey;
let devices: readonly FactoryDevice[];
let runtime: FunctionsRuntime;

beforeAll(async () => {
  code = await bundleFunction(join(import.meta.dirname, "azure-function.ts"));
  hub = await startHubServer();
  identity = await startIdentityEndpoint(SECRET, HUB_TOKEN);
  key = await generateSigningKey();
  const issuer = await createIssuer({ name: "CN=Function Test CA" });
  devices = await issuer.issueMany(5, { batchId: "D001" });
  runtime = await start();
});
afterAll(async () => {
  await runtime.stop();
  await identity.close();
  await hub.close();
});
afterEach(() => {
  hub.reset();
});

const start = (change: Record<string, string> = {}): Promise<FunctionsRuntime> =>
  startFunctionsRuntime(code, {
    hubPort: hub.port,
    hubCa: hub.ca,
    env: {
      AUDIENCE,
      JWKS: JSON.stringify(publicJwks([key])),
      IOT_HUB_HOST: HUB_HOST,
      IDENTITY_ENDPOINT: identity.url,
      IDENTITY_HEADER: SECRET,
      IOT_HUB_TWINS: "true",
      DEFAULT_TOPIC: "",
      ...change,
    },
  });

async function headers(audience = AUDIENCE): Promise<Record<string, string>> {
  const token = await new TokenSource({ key, issuer: "certferry", audience }).token();
  return { authorization: `Bearer ${token}`, "content-type": "application/json" };
}

async function post(body: object): Promise<{ status: number; json: unknown; logs: string }> {
  const answer = await runtime.call("POST", "/interop", await headers(), JSON.stringify(body));
  return {
    status: answer.status,
    json: JSON.parse(answer.body),
    logs: answer.logs.map(({ line }) => line).join("\n"),
  };
}

const certs = () =>
  devices.map(({ pem, serial, deviceId }) => ({
    ref: serial,
    device: deviceId,
    cert: Buffer.from(pem).toString("base64"),
  }));

describe("the bundled function", () => {
  it("registers one HTTP trigger for all paths, which asks for no key of the platform", () => {
    expect(runtime.functions.map(({ name }) => name)).toEqual(["interop"]);
    const bindings = Object.values(runtime.functions[0]?.bindings ?? {});
    expect(bindings).toHaveLength(2);
    expect(bindings.find(({ direction }) => direction === "out")).toMatchObject({ type: "http" });
    expect(bindings.find(({ direction }) => direction === "in")).toMatchObject({
      type: "httpTrigger",
      authLevel: "anonymous",
      route: "{*path}",
      methods: expect.arrayContaining(["GET", "POST"]),
    });
    expect(runtime.bundleBytes).toBeLessThan(2_000_000);
  });

  it("answers the routes of the protocol", async () => {
    expect(await runtime.call("GET", "/")).toMatchObject({ status: 200, body: "OK" });
    expect(await runtime.call("GET", "/auth")).toMatchObject({
      status: 401,
      body: '{"error":"Missing Authorization Header"}',
    });
    expect(await runtime.call("GET", "/auth", await headers())).toMatchObject({ status: 200, body: "OK" });
    expect(await runtime.call("GET", "/auth", await headers("another"))).toMatchObject({ status: 401 });
    expect(await runtime.call("GET", "/nothing")).toMatchObject({
      status: 404,
      body: '{"error":"Not found"}',
    });
    const bad = await runtime.call("POST", "/interop", await headers(), "{");
    expect(bad).toMatchObject({ status: 400, body: '{"error":"the body is not valid JSON"}' });
    expect(bad.headers["content-type"]).toMatch("application/json");
    const { json } = await post({ action: "info" });
    expect(json).toEqual({
      action: "info",
      compatibilityVersion: 1,
      capabilities: ["batch", "codes", "status", "deprovision"],
    });
  });

  it("lets devices into the hub with its identity's token, tells of them, and takes them out", async () => {
    hub.tokens.clear();
    hub.tokens.add(HUB_TOKEN);
    const provisioned = await post({ action: "provision", batch: "D001", codes: true, certs: certs() });
    expect(provisioned.json).toEqual(
      devices.map(({ serial }) => ({
        ref: serial,
        status: "SUCCESS",
        endpoint: HUB_HOST,
        topic: "iqs",
        policyApplied: false,
      })),
    );
    expect(hub.devices.all()).toHaveLength(5);
    expect(hub.devices.get(devices[0]?.serial ?? "")?.twin?.tags).toEqual({ certferry: { batch: "D001" } });

    const status = await post({ action: "status", batch: "D001", certs: certs() });
    expect(status.json).toMatchObject(
      devices.map(({ serial }) => ({ name: serial, present: true, differs: [] })),
    );

    const gone = await post({ action: "deprovision", batch: "D001", certs: certs() });
    expect(gone.json).toMatchObject(devices.map(() => ({ status: "SUCCESS", removed: true })));
    expect(hub.devices.all()).toEqual([]);
  });

  it("answers failures first, and logs what the hub said, in JSON without certificate or token", async () => {
    hub.tokens.clear();
    hub.tokens.add(HUB_TOKEN);
    const [first] = devices;
    hub.devices.put(first?.serial ?? "", selfSigned("A".repeat(64)));
    hub.plan = ({ method }) =>
      method === "POST" ? { kind: "devices", code: 403002, places: (index) => index === 4 } : undefined;
    const { json, logs } = await post({ action: "provision", codes: true, certs: certs() });
    expect(json).toMatchObject([
      { code: "ExistsWithAnotherCertificate", retryable: false },
      { code: "QuotaExceeded", retryable: true },
      { status: "SUCCESS" },
      { status: "SUCCESS" },
      { status: "SUCCESS" },
    ]);
    const lines = logs.split("\n").map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual({
      message: "IoT Hub left devices undone",
      action: "provision",
      reasons: { "403002 IotHubQuotaExceeded": 1 },
    });
    const all = logs + runtime.output();
    expect(all).not.toContain(HUB_TOKEN);
    expect(all).not.toContain(SECRET);
    expect(all).not.toMatch(/Bearer|BEGIN CERTIFICATE|LS0tLS1/);
  });

  it("refuses everything while its environment is wrong, and says in its log what is", async () => {
    const wrong = await start({
      AUDIENCE: "123456789012",
      IOT_HUB_HOST: "https://hub",
      DPS_HOST: "dps.example",
    });
    try {
      const { status, body, logs } = await wrong.call(
        "POST",
        "/interop",
        await headers(),
        '{"action":"info"}',
      );
      expect([status, body]).toEqual([500, '{"error":"The callee is not configured"}']);
      expect(logs).toHaveLength(1);
      expect(logs[0]?.line).toMatch(/AUDIENCE must be.*IOT_HUB_HOST must be.*DPS_HOST must not be set/);
    } finally {
      await wrong.stop();
    }
  });
});
