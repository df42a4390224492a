import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, type Issuer } from "../../tools/factory/index.ts";
import type { ProvisionEntry } from "../protocol/answers.ts";
import {
  AUTH_MESSAGES,
  COLLISION_MESSAGES,
  ENTRY_MESSAGES,
  MAX_REQUEST_BYTES,
} from "../protocol/messages.ts";
import { refused } from "../protocol/refusals.ts";
import { createMemoryRegistry } from "../registries/memory.ts";
import type { Flavor, Registry } from "../registries/port.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import { createCallee } from "./app.ts";
import { faultInSerial, faultInValidity } from "./certificates.ts";

/** What the page on interop v1 promises, row by row. */
const AUDIENCE = "123456789012";
const DAY_MS = 86_400_000;

let key: SigningKey;
let bearer: string;
let issuer: Issuer;
let devices: readonly FactoryDevice[];

beforeAll(async () => {
  key = await generateSigningKey();
  bearer = `Bearer ${await new TokenSource({ key, issuer: "certferry", audience: AUDIENCE }).token()}`;
  issuer = await createIssuer();
  devices = await issuer.issueMany(3, { batchId: "D001" });
});

function calleeOf(flavor: Flavor, more: { registry?: Registry; basePath?: string } = {}) {
  const registry = createMemoryRegistry({ flavor, endpoint: "devices.example", policy: "Device" });
  const auth = { kind: "bearer" as const, keys: publicJwks([key]), audience: AUDIENCE };
  const app = createCallee({ registry, auth, capabilities: [], ...more });
  const post = (body: unknown, headers: Record<string, string> = { authorization: bearer }) =>
    app.request("/interop", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { app, registry, post };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const cert = (ref: string, device: { pem: string } | undefined) => ({ ref, cert: base64(device?.pem ?? "") });

async function provision(flavor: Flavor, certs: readonly { ref: string; cert: string }[]) {
  const response = await calleeOf(flavor).post({ action: "provision", certs });
  return { status: response.status, entries: (await response.json()) as ProvisionEntry[] };
}

describe("routes", () => {
  it.each([
    ["GET", "/", undefined, 200, "OK"],
    ["GET", "/auth", "good", 200, "OK"],
    ["GET", "/auth", undefined, 401, { error: AUTH_MESSAGES.missingHeader }],
    ["GET", "/auth", "Bearer nonsense", 401, { error: AUTH_MESSAGES.notVerified }],
    ["POST", "/interop", undefined, 401, { error: AUTH_MESSAGES.missingHeader }],
    ["POST", "/interop", "Bearer", 401, { error: AUTH_MESSAGES.notTwoWords }],
    ["POST", "/interop", "Basic dTpw", 401, { error: AUTH_MESSAGES.notBearer }],
    ["GET", "/interop", "good", 404, { error: "Not found" }],
    ["POST", "/", "good", 404, { error: "Not found" }],
    ["GET", "/nowhere", "good", 404, { error: "Not found" }],
  ] as const)("%s %s with %s is %i", async (method, path, token, status, body) => {
    const authorization = token === "good" ? bearer : token;
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await calleeOf("aws").app.request(path, { method, headers });
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(typeof body === "string" ? text : JSON.parse(text)).toEqual(body);
  });

  it("lie under the stage", async () => {
    const { app } = calleeOf("aws", { basePath: "/Prod" });
    expect((await app.request("/Prod")).status).toBe(200);
    expect((await app.request("/Prod/")).status).toBe(200);
    expect((await app.request("/Prod/auth", { headers: { authorization: bearer } })).status).toBe(200);
    const call = { method: "POST", headers: { authorization: bearer }, body: '{"action":"info"}' };
    expect((await app.request("/Prod/interop", call)).status).toBe(200);
    const outside = await app.request("/interop", call);
    expect([outside.status, await outside.json()]).toEqual([404, { error: "Not found" }]);
  });
});

describe("actions", () => {
  it.each([
    ["info", { action: "info", compatibilityVersion: 1 }],
    ["status", { action: "status", message: "Not yet implemented." }],
    ["message", { action: "message", message: "Not yet implemented." }],
  ])("%s", async (action, answer) => {
    const response = await calleeOf("aws").post({ action });
    expect([response.status, await response.json()]).toEqual([200, answer]);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  });

  it.each([
    ["", "the body is not valid JSON"],
    ['{"action":"in', "the body is not valid JSON"],
    [[], "the request must be a JSON object"],
    [{}, "action is required"],
    [{ action: "deprovision" }, "action must be one of info | status | message | provision"],
    [{ action: "info", certs: [] }, "certs is allowed with action provision only"],
    [{ action: "provision" }, "certs is required with action provision"],
    [{ action: "provision", certs: {} }, "certs must be an array"],
    [{ action: "provision", certs: ["x"] }, "certs[0]: certs entries must be objects"],
    [{ action: "provision", certs: [{}] }, "certs[0]: ref is required, certs[0]: cert is required"],
    [
      { action: "provision", certs: [{ ref: 1, cert: "not base64!" }] },
      "certs[0]: ref must be a string, certs[0]: cert must be valid base64",
    ],
    [{ action: "provision", certs: [{ ref: "a", cert: "QQ" }] }, "certs[0]: cert must be valid base64"],
    [{ action: "info", batch: "D001" }, "batch is not allowed"],
    [{ action: "provision", certs: [{ ref: "a", cert: "QQ==", x: 1 }] }, "certs[0]: x is not allowed"],
  ])("a request %j gets 400", async (body, error) => {
    const response = await calleeOf("aws").post(body);
    expect([response.status, await response.json()]).toEqual([400, { error }]);
  });

  it("a request of more than 25 MB gets 413, announced or not", async () => {
    const { app, post } = calleeOf("aws");
    const announced = await post("{}", {
      authorization: bearer,
      "content-length": String(MAX_REQUEST_BYTES + 1),
    });
    expect([announced.status, await announced.json()]).toEqual([413, { error: "request entity too large" }]);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 40) controller.close();
        else controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
      },
    });
    const headers = { authorization: bearer, "transfer-encoding": "chunked" };
    const streamed = await app.request("/interop", { method: "POST", headers, body, duplex: "half" });
    expect(streamed.status).toBe(413);
    expect(sent).toBeLessThan(30);
  });

  it("a request of nearly 25 MB is taken", async () => {
    const { post } = calleeOf("aws");
    const response = await post(`{"action":"info"${" ".repeat(MAX_REQUEST_BYTES - 17)}}`);
    expect([response.status, await response.json()]).toEqual([
      200,
      { action: "info", compatibilityVersion: 1 },
    ]);
    expect((await post(`{"action":"info"${" ".repeat(MAX_REQUEST_BYTES - 16)}}`)).status).toBe(413);
  });

  it("a registry that fails as a whole gets 500 without its words", async () => {
    const registry: Registry = {
      flavor: "aws",
      distinctNames: false,
      provision: () => Promise.reject(new Error("credentials AKIA... expired")),
      endpoint: () => Promise.resolve(null),
    };
    const response = await calleeOf("aws", { registry }).post({
      action: "provision",
      certs: [cert("a", devices[0])],
    });
    expect([response.status, await response.json()]).toEqual([500, { error: "Internal server error" }]);
  });
});

describe("provision", () => {
  it("of nothing answers with nothing", async () => {
    expect(await provision("aws", [])).toEqual({ status: 200, entries: [] });
  });

  it.each([
    ["aws", true],
    ["azure", false],
  ] as const)("as %s: a SUCCESS entry has these members and no other", async (flavor, policyApplied) => {
    const { entries } = await provision(flavor, [cert("a", devices[0])]);
    expect(entries).toEqual([
      { ref: "a", status: "SUCCESS", endpoint: "devices.example", topic: "iqs", policyApplied },
    ]);
  });

  const bad: readonly (readonly [string, () => Promise<string>, string])[] = [
    ["no PEM", () => Promise.resolve("hello"), ENTRY_MESSAGES.certificateUndecodable],
    [
      "nothing but a header",
      () => Promise.resolve("-----BEGIN CERTIFICATE-----"),
      ENTRY_MESSAGES.certificateUndecodable,
    ],
    [
      "a cut certificate",
      async () =>
        `${(await issuer.issueDevice({ batchId: "D001" })).pem.slice(0, 300)}\n-----END CERTIFICATE-----\n`,
      ENTRY_MESSAGES.certificateUndecodable,
    ],
    [
      "one that has expired",
      async () =>
        (
          await issuer.issueDevice({
            batchId: "D001",
            notBefore: new Date(Date.now() - 2 * DAY_MS),
            notAfter: new Date(Date.now() - DAY_MS),
          })
        ).pem,
      ENTRY_MESSAGES.validityOutOfRange,
    ],
    [
      "one that is not valid yet",
      async () =>
        (await issuer.issueDevice({ batchId: "D001", notBefore: new Date(Date.now() + DAY_MS) })).pem,
      ENTRY_MESSAGES.validityOutOfRange,
    ],
  ];

  it.each(bad)("of %s is an ERROR entry, and the rest goes on", async (_what, make, message) => {
    const certs = [
      cert("good", devices[0]),
      { ref: "bad", cert: base64(await make()) },
      cert("last", devices[1]),
    ];
    const aws = await provision("aws", certs);
    expect(aws.status).toBe(200);
    expect(aws.entries.map(({ ref, status }) => `${ref} ${status}`)).toEqual([
      "good SUCCESS",
      "bad ERROR",
      "last SUCCESS",
    ]);
    expect(aws.entries[1]).toEqual({ ref: "bad", status: "ERROR", message });
    const azure = await provision("azure", certs);
    expect(azure.entries.map(({ ref, status }) => `${ref} ${status}`)).toEqual([
      "bad ERROR",
      "good SUCCESS",
      "last SUCCESS",
    ]);
  });

  it("takes RSA and P-384 device certificates, too", async () => {
    const others = await Promise.all(
      (["RSA-2048", "P-384"] as const).map((keyType) => issuer.issueDevice({ batchId: "D001", keyType })),
    );
    const { entries } = await provision(
      "aws",
      others.map((device, index) => cert(String(index), device)),
    );
    expect(entries.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS"]);
  });

  it("names the thing by the serial number, and the device's certificate by its thumbprint", async () => {
    const { post, registry } = calleeOf("aws");
    await post({ action: "provision", certs: [cert("a", devices[0])] });
    const [device] = devices;
    expect(registry.list()).toMatchObject([{ name: `Infineon_${device?.serial}` }]);
    expect(registry.list()[0]?.thumbprints[0]).toMatch(/^[0-9A-F]{64}$/);
  });

  it("names an Azure device by the serial number alone, in upper-case hex", async () => {
    const { post, registry } = calleeOf("azure");
    const device = await issuer.issueDevice({ batchId: "D001", serial: "30abcdef" });
    await post({ action: "provision", certs: [cert("a", device)] });
    expect(registry.list()).toMatchObject([{ name: "30ABCDEF" }]);
  });

  it.each(["aws", "azure"] as const)("again is safe on %s: SUCCESS, and one device", async (flavor) => {
    const { post, registry } = calleeOf(flavor);
    for (let push = 1; push <= 3; push += 1) {
      const response = await post({ action: "provision", certs: [cert("a", devices[0])] });
      expect(await response.json()).toMatchObject([{ ref: "a", status: "SUCCESS" }]);
    }
    expect(registry.counts()).toMatchObject({ devices: 1, certificates: 1, pushes: 3, refused: 0 });
  });

  it("says null where no endpoint is known, and false where there is no policy", async () => {
    const registry = createMemoryRegistry({ flavor: "aws" });
    const response = await calleeOf("aws", { registry }).post({
      action: "provision",
      certs: [cert("a", devices[0])],
    });
    expect(await response.json()).toEqual([
      { ref: "a", status: "SUCCESS", endpoint: null, topic: "iqs", policyApplied: false },
    ]);
  });

  it.each([
    ["RegistrationFailed", ENTRY_MESSAGES.registrationFailed],
    ["ThumbprintFailed", ENTRY_MESSAGES.thumbprintFailed],
    ["Throttled", ENTRY_MESSAGES.registrationFailed],
    ["QuotaExceeded", ENTRY_MESSAGES.registrationFailed],
    ["NotPermitted", ENTRY_MESSAGES.registrationFailed],
    ["NameUnusable", ENTRY_MESSAGES.serialUnusable],
  ] as const)("tells a registry's %s in v1's words, for that device alone", async (code, message) => {
    const memory = createMemoryRegistry({ flavor: "aws" });
    const registry: Registry = {
      ...memory,
      provision: async ([first, ...rest], call) => [
        refused(first?.ref ?? "", code),
        ...(await memory.provision(rest, call)),
      ],
    };
    const certs = [cert("a", devices[0]), cert("b", devices[1])];
    const response = await calleeOf("aws", { registry }).post({ action: "provision", certs });
    const entries = (await response.json()) as ProvisionEntry[];
    expect(entries[0]).toEqual({ ref: "a", status: "ERROR", message });
    expect(entries[1]).toMatchObject({ ref: "b", status: "SUCCESS" });
  });

  it("a ref sent twice gives two entries on AWS and one on Azure", async () => {
    const certs = [cert("a", devices[0]), cert("a", devices[1])];
    expect((await provision("aws", certs)).entries.map(({ ref }) => ref)).toEqual(["a", "a"]);
    expect((await provision("azure", certs)).entries.map(({ ref }) => ref)).toEqual(["a"]);
    const half = [cert("a", devices[0]), { ref: "a", cert: base64("hello") }];
    expect((await provision("azure", half)).entries).toMatchObject([{ ref: "a", status: "ERROR" }]);
  });

  it.each(["aws", "azure"] as const)("two devices of one serial both have an entry on %s", async (flavor) => {
    const twins = await Promise.all(
      [0, 1].map(() => issuer.issueDevice({ batchId: "D001", serial: "30309D3B" })),
    );
    const { entries } = await provision(flavor, [cert("first", twins[0]), cert("second", twins[1])]);
    expect(new Map(entries.map((entry) => [entry.ref, entry]))).toEqual(
      new Map<string, unknown>([
        ["first", expect.objectContaining({ status: "SUCCESS" })],
        ["second", { ref: "second", status: "ERROR", message: COLLISION_MESSAGES[flavor] }],
      ]),
    );
  });
});

describe("checks that no certificate from a CA fails", () => {
  it.each([
    ["30309D3B", undefined],
    ["-01", undefined],
    ["a_b", undefined],
    ["", "SerialUnusable"],
    ["30 30", "SerialUnusable"],
    ["30/30", "SerialUnusable"],
  ])("serial %j: %s", (serial, message) => expect(faultInSerial(serial)).toBe(message));

  it.each([
    [1000, 3000, undefined],
    [2001, 3000, "ValidityOutOfRange"],
    [1000, 1999, "ValidityOutOfRange"],
    [1000, Number.NaN, "ExpirationUndecodable"],
  ])("from %i to %i at 2000: %s", (from, to, message) => {
    expect(faultInValidity(new Date(from), new Date(to), 2000)).toBe(message);
  });
});

it("the texts are v1's, to the letter", () => {
  expect(Object.values(ENTRY_MESSAGES)).toEqual([
    "Cannot decode certitifcate",
    "Certificate serial cannot be decoded or is incorrect (only alphanumeric/hyphen/underscore)",
    "Certificate notBefore or notAfter is out of range",
    "Certificate expiration cannot be decoded",
    "Cannot get thumbprint",
    "Failed creating and registering thing",
  ]);
  expect(Object.values(AUTH_MESSAGES)).toEqual([
    "Missing Authorization Header",
    "Token invalid",
    "Authorization Header must contain Bearer Token",
    "Error creating token verifier",
    "Audience not configured",
    "Cannot verify and decode token",
  ]);
});
