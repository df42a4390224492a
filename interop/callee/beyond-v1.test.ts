import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, type Issuer } from "../../tools/factory/index.ts";
import type { Capability } from "../protocol/capabilities.ts";
import { COLLISION_MESSAGES, ENTRY_MESSAGES } from "../protocol/messages.ts";
import { createMemoryRegistry, type MemoryRegistryOptions } from "../registries/memory.ts";
import type { Registry } from "../registries/port.ts";
import { createCallee } from "./app.ts";

/** What `docs/interop.md` promises beyond v1, row by row. */
const DAY_MS = 86_400_000;
const AUTHORIZATION = `Basic ${Buffer.from("user:secret").toString("base64")}`;

let issuer: Issuer;
let devices: readonly FactoryDevice[];

beforeAll(async () => {
  issuer = await createIssuer();
  devices = await issuer.issueMany(3, { batchId: "D001" });
});

interface CalleeSetup extends Partial<MemoryRegistryOptions> {
  capabilities?: readonly Capability[];
  registry?: Partial<Registry>;
  answerWithinMs?: number;
}

function calleeOf({ capabilities, registry: changed, answerWithinMs, ...options }: CalleeSetup = {}) {
  const registry = createMemoryRegistry({
    flavor: "aws",
    endpoint: "devices.example",
    policy: "P",
    ...options,
  });
  const app = createCallee({
    registry: { ...registry, ...changed },
    auth: { kind: "basic", username: "user", password: "secret" },
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(answerWithinMs === undefined ? {} : { answerWithinMs }),
  });
  const post = async (body: unknown): Promise<{ status: number; answer: unknown }> => {
    const headers = { authorization: AUTHORIZATION, "content-type": "application/json" };
    const response = await app.request("/interop", { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  };
  return { post, registry };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const cert = (ref: string, device: { pem: string } | undefined) => ({ ref, cert: base64(device?.pem ?? "") });

describe("info", () => {
  it("offers what the registry can do", async () => {
    const offered = async (setup: CalleeSetup) => (await calleeOf(setup).post({ action: "info" })).answer;
    const all = ["batch", "codes", "status", "deprovision"];
    expect(await offered({})).toEqual({ action: "info", compatibilityVersion: 1, capabilities: all });
    expect(await offered({ names: "Thing_<fingerprint>" })).toMatchObject({
      capabilities: [...all, "distinct-names"],
    });
    const memory = createMemoryRegistry({ flavor: "aws" });
    const simple: Registry = {
      flavor: "aws",
      distinctNames: false,
      provision: (certificates, call) => memory.provision(certificates, call),
      endpoint: (signal) => memory.endpoint(signal),
    };
    const app = createCallee({
      registry: simple,
      auth: { kind: "basic", username: "user", password: "secret" },
    });
    const response = await app.request("/interop", {
      method: "POST",
      headers: { authorization: AUTHORIZATION },
      body: '{"action":"info"}',
    });
    expect(await response.json()).toMatchObject({ capabilities: ["batch", "codes"] });
    expect(await offered({ capabilities: [] })).toEqual({ action: "info", compatibilityVersion: 1 });
  });
});

describe("a request that says more than v1", () => {
  it.each([
    [{ action: "deprovision" }, "certs is required with action deprovision"],
    [{ action: "info", certs: [] }, "certs is not allowed with action info"],
    [{ action: "info", batch: "D001" }, "batch is allowed with certs only"],
    [{ action: "provision", certs: [], batch: 7 }, "batch must be a string"],
    [
      { action: "provision", certs: [], batch: "a b" },
      "batch must be at most 128 letters, digits, or : _ . -",
    ],
    [{ action: "provision", certs: [], codes: "yes" }, "codes must be true or false"],
    [
      { action: "provision", certs: [{ ref: "a", cert: "QQ==", device: "../x" }] },
      "certs[0]: device must be at most 128 letters, digits, or : _ . -",
    ],
    [{ action: "erase" }, "action must be one of info | status | message | provision | deprovision"],
    [{ action: "provision", certs: [], color: "red" }, "color is not allowed"],
  ])("%j gets 400", async (body, error) => {
    expect(await calleeOf().post(body)).toEqual({ status: 400, answer: { error } });
  });

  it("is refused where it was not offered", async () => {
    const { post } = calleeOf({ capabilities: ["status"] });
    expect((await post({ action: "provision", certs: [], batch: "D001" })).answer).toEqual({
      error: "batch is not allowed",
    });
    expect((await post({ action: "provision", certs: [], codes: true })).answer).toEqual({
      error: "codes is not allowed",
    });
    expect((await post({ action: "deprovision", certs: [] })).answer).toEqual({
      error: "action must be one of info | status | message | provision",
    });
  });

  it("status without certificates is v1's", async () => {
    expect((await calleeOf().post({ action: "status" })).answer).toEqual({
      action: "status",
      message: "Not yet implemented.",
    });
  });
});

describe("codes", () => {
  const broken = { ref: "bad", cert: base64("hello") };

  it("come only where they are asked for", async () => {
    const { post } = calleeOf();
    const v1 = { ref: "bad", status: "ERROR", message: ENTRY_MESSAGES.certificateUndecodable };
    expect((await post({ action: "provision", certs: [broken] })).answer).toEqual([v1]);
    expect((await post({ action: "provision", certs: [broken], codes: false })).answer).toEqual([v1]);
    expect((await post({ action: "provision", certs: [broken], codes: true })).answer).toEqual([
      { ...v1, code: "CertificateUndecodable", retryable: false },
    ]);
  });

  it("tell a collision", async () => {
    const twins = await Promise.all(
      [0, 1].map(() => issuer.issueDevice({ batchId: "D001", serial: "30309D3B" })),
    );
    const certs = twins.map((twin, index) => cert(String(index), twin));
    expect((await calleeOf().post({ action: "provision", certs, codes: true })).answer).toMatchObject([
      { ref: "0", status: "SUCCESS" },
      {
        ref: "1",
        status: "ERROR",
        message: COLLISION_MESSAGES.aws,
        code: "ExistsWithAnotherCertificate",
        retryable: false,
      },
    ]);
    const distinct = await calleeOf({ names: "<fingerprint>" }).post({ action: "provision", certs });
    expect(distinct.answer).toMatchObject([{ status: "SUCCESS" }, { status: "SUCCESS" }]);
  });
});

describe("batch and device", () => {
  it("name things where the template says so", async () => {
    const { post, registry } = calleeOf({ names: "<batch>_<device>" });
    const certs = [{ ...cert("1", devices[0]), device: "chip-1" }];
    await post({ action: "provision", batch: "D001", certs });
    expect(registry.list()).toMatchObject([{ name: "D001_chip-1", batch: "D001" }]);
    const without = await post({ action: "provision", certs, codes: true });
    expect(without.answer).toMatchObject([{ status: "ERROR", code: "NameUnusable", retryable: false }]);
  });
});

describe("status with certificates", () => {
  it("tells how each stands and changes nothing", async () => {
    const { post, registry } = calleeOf();
    await post({ action: "provision", certs: [cert("a", devices[0])] });
    const asked = { action: "status", certs: [cert("a", devices[0]), cert("b", devices[1])] };
    const name = `Infineon_${devices[0]?.serial}`;
    const there = { present: true, active: true, attached: true, policyApplied: true, differs: [] };
    const missing = { present: false, active: false, attached: false, policyApplied: false };
    expect((await post(asked)).answer).toEqual([
      { ref: "a", status: "SUCCESS", name, ...there },
      {
        ref: "b",
        status: "SUCCESS",
        name: `Infineon_${devices[1]?.serial}`,
        ...missing,
        differs: ["Missing"],
      },
    ]);
    expect(registry.counts()).toMatchObject({ devices: 1, pushes: 1 });
    registry.lose(name);
    expect((await post(asked)).answer).toMatchObject([{ differs: ["Missing"] }, { differs: ["Missing"] }]);
  });
});

describe("deprovision", () => {
  it("takes out these and no others, and is safe to repeat", async () => {
    const { post, registry } = calleeOf();
    await post({ action: "provision", certs: devices.map((device, index) => cert(String(index), device)) });
    const out = { action: "deprovision", certs: [cert("0", devices[0]), cert("1", devices[1])] };
    expect((await post(out)).answer).toEqual([
      { ref: "0", status: "SUCCESS", removed: true },
      { ref: "1", status: "SUCCESS", removed: true },
    ]);
    expect((await post(out)).answer).toEqual([
      { ref: "0", status: "SUCCESS", removed: false },
      { ref: "1", status: "SUCCESS", removed: false },
    ]);
    expect(registry.list()).toMatchObject([{ name: `Infineon_${devices[2]?.serial}` }]);
  });

  it("leaves a device of the name that is another certificate's", async () => {
    const [first, second] = await Promise.all(
      [0, 1].map(() => issuer.issueDevice({ batchId: "D001", serial: "30309D3B" })),
    );
    const { post, registry } = calleeOf();
    await post({ action: "provision", certs: [cert("first", first)] });
    const { answer } = await post({ action: "deprovision", certs: [cert("second", second)] });
    expect(answer).toEqual([{ ref: "second", status: "SUCCESS", removed: false }]);
    expect(registry.list()).toHaveLength(1);
  });

  it("works for a certificate that has expired, and not for what is none", async () => {
    const expired = await issuer.issueDevice({
      batchId: "D001",
      notBefore: new Date(Date.now() - 2 * DAY_MS),
      notAfter: new Date(Date.now() - DAY_MS),
    });
    const { post } = calleeOf();
    const certs = [cert("old", expired), { ref: "bad", cert: base64("hello") }];
    expect((await post({ action: "deprovision", certs, codes: true })).answer).toEqual([
      { ref: "old", status: "SUCCESS", removed: false },
      {
        ref: "bad",
        status: "ERROR",
        message: ENTRY_MESSAGES.certificateUndecodable,
        code: "CertificateUndecodable",
        retryable: false,
      },
    ]);
  });
});

it("what is not done when the answer is due is answered as such, retryable", async () => {
  const memory = createMemoryRegistry({ flavor: "aws" });
  const slow: Registry["provision"] = async (certificates, call) => {
    const [first, ...rest] = certificates;
    const done = await memory.provision(first === undefined ? [] : [first], call);
    await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
    return [...done, ...(await memory.provision(rest, call))];
  };
  const { post } = calleeOf({ registry: { provision: slow }, answerWithinMs: 50 });
  const certs = devices.map((device, index) => cert(String(index), device));
  expect((await post({ action: "provision", certs, codes: true })).answer).toMatchObject([
    { ref: "0", status: "SUCCESS" },
    { ref: "1", status: "ERROR", code: "OutOfTime", retryable: true },
    { ref: "2", status: "ERROR", code: "OutOfTime", retryable: true },
  ]);
});
