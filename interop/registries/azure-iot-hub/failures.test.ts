import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RegistryCall } from "../port.ts";
import { systemClock } from "./clock.ts";
import { HUB_ERROR_CODES } from "./error-codes.ts";
import { type Fault, faultsInTurn, tokenBucket } from "./testing/faults.ts";
import { type HubServer, startHubServer } from "./testing/hub-server.ts";
import { certificate, ENDLESS, registryOn, selfSigned, thumbprint } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

const many = (count: number) => Array.from({ length: count }, (_, index) => certificate(`D${index}`));
const names = () => hub.devices.all().map(({ identity }) => identity.deviceId);
const always =
  (fault: Fault, method?: string) =>
  (request: { method: string }): Fault | undefined =>
    method === undefined || request.method === method ? fault : undefined;

/** Written out again, apart from the table: which errors a caller is told by a name of their own. */
const TOLD: Readonly<Record<string, readonly number[]>> = {
  Throttled: [429000, 429001, 429002, 429003, 429004, 429005, 503008],
  QuotaExceeded: [403002, 403003, 403004, 403005, 403007, 413002],
  NotPermitted: [400032, 400035, 401000, 401002, 401003, 401100, 403000, 403010, 403011],
  NameUnusable: [400004],
};

function expected(code: number): object {
  const entry = Object.keys(TOLD).find((name) => TOLD[name]?.includes(code)) ?? "RegistrationFailed";
  return { status: "ERROR", code: entry, retryable: entry !== "NameUnusable" };
}

describe.each(HUB_ERROR_CODES)("the hub's $code $name ($meaning)", ({ code }) => {
  // 409001 for a device that is then not found is a hub that contradicts itself.
  it.each(["digits", "names"] as const)("of one device, in %s, is that device's alone", async (codes) => {
    hub.bulkFailure.codes = codes;
    hub.plan = always({ kind: "devices", code, places: (index) => index === 0 }, "POST");
    const entries = await registryOn(hub).provision([certificate("01")], ENDLESS);
    expect(entries).toMatchObject([expected(code)]);
    expect(names()).toEqual([]);
  });

  it.each(["errorCode", "message", "header"] as const)("of the whole request, in %s", async (put) => {
    hub.plan = always({ kind: "refuse", status: Math.floor(code / 1000), code, put }, "POST");
    const entries = await registryOn(hub).provision([certificate("01")], ENDLESS);
    expect(entries).toMatchObject([expected(code)]);
  });
});

describe("the table of the hub's errors", () => {
  it("has each code and name once", () => {
    expect(new Set(HUB_ERROR_CODES.map(({ code }) => code)).size).toBe(HUB_ERROR_CODES.length);
    expect(new Set(HUB_ERROR_CODES.map(({ name }) => name)).size).toBe(HUB_ERROR_CODES.length);
  });

  it("has all the errors that a caller is told by name", () => {
    const codes = HUB_ERROR_CODES.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(Object.values(TOLD).flat()));
  });

  it.each([
    [401999, "NotPermitted"],
    [403999, "NotPermitted"],
    [429999, "Throttled"],
    [500999, "RegistrationFailed"],
    [400999, "RegistrationFailed"],
  ])("reads a code that is not in it, %d, by its class", async (code, entry) => {
    hub.plan = always({ kind: "devices", code, places: () => true }, "POST");
    expect(await registryOn(hub).provision([certificate("01")], ENDLESS)).toMatchObject([{ code: entry }]);
  });

  it.each([
    [401, "NotPermitted"],
    [403, "NotPermitted"],
    [429, "Throttled"],
    [503, "RegistrationFailed"],
    [302, "RegistrationFailed"],
  ])("reads a bare %d by the status", async (status, entry) => {
    hub.plan = always({ kind: "refuse", status });
    expect(await registryOn(hub).provision([certificate("01")], ENDLESS)).toMatchObject([{ code: entry }]);
  });
});

describe("a bulk that fails in part", () => {
  it.each([200, 400] as const)("and is answered %d stands or falls by device", async (status) => {
    hub.bulkFailure.status = status;
    hub.plan = faultsInTurn([{ kind: "devices", code: 403002, places: (index) => index % 2 === 1 }]);
    const entries = await registryOn(hub).provision(many(4), ENDLESS);
    expect(entries).toMatchObject([
      { ref: "D0", status: "SUCCESS" },
      { ref: "D1", code: "QuotaExceeded" },
      { ref: "D2", status: "SUCCESS" },
      { ref: "D3", code: "QuotaExceeded" },
    ]);
    expect(names()).toEqual(["D0", "D2"]);
  });

  it("for a while gets there by itself, and asks only for what is missing", async () => {
    hub.plan = faultsInTurn([
      { kind: "devices", code: 429001, places: (index) => index >= 2 },
      { kind: "devices", code: 503005, places: (index) => index === 0 },
    ]);
    const entries = await registryOn(hub).provision(many(5), ENDLESS);
    expect(entries.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => "SUCCESS"));
    expect(names().sort()).toEqual(["D0", "D1", "D2", "D3", "D4"]);
    expect(hub.requests).toEqual(["POST /devices", "POST /devices", "POST /devices"]);
  });

  it("believes in nothing where the hub found fault with the request itself", async () => {
    hub.plan = faultsInTurn([{ kind: "devices", code: 400004, places: (index) => index === 1 }]);
    const entries = await registryOn(hub).provision(many(3), ENDLESS);
    expect(entries).toMatchObject([
      { ref: "D0", status: "SUCCESS" },
      { ref: "D1", code: "NameUnusable" },
      { ref: "D2", status: "SUCCESS" },
    ]);
    expect(names()).toEqual(["D0", "D2"]);
  });

  it("and does not say for whom is asked for again", async () => {
    hub.plan = faultsInTurn([{ kind: "unsaid" }]);
    const entries = await registryOn(hub).provision(many(3), ENDLESS);
    expect(entries.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
  });

  it("whole, for one device that the hub does not name, is halved until that is found", async () => {
    hub.plan = ({ body }) =>
      body.includes('"D5"') ? { kind: "refuse", status: 400, code: 400006 } : undefined;
    const entries = await registryOn(hub).provision(many(8), ENDLESS);
    const bad = entries.filter(({ status }) => status === "ERROR");
    expect(bad).toMatchObject([{ ref: "D5", code: "RegistrationFailed" }]);
    expect(names()).toHaveLength(7);
  });
});

describe("a hub that throttles", () => {
  it("is waited for as long as it asks, in a header or in words", async () => {
    const inHeader = registryOn(hub);
    hub.plan = faultsInTurn([{ kind: "refuse", status: 429, code: 429001, retryAfterS: 7 }]);
    expect(await inHeader.provision([certificate("01")], ENDLESS)).toMatchObject([{ status: "SUCCESS" }]);
    expect(inHeader.clock.slept()).toBeGreaterThanOrEqual(7000);

    const inWords = registryOn(hub);
    const bucket = tokenBucket({ perSecond: 0.2, burst: 1, clock: inWords.clock });
    hub.throttle.identity = bucket;
    bucket.take();
    expect(await inWords.provision([certificate("02")], ENDLESS)).toMatchObject([{ status: "SUCCESS" }]);
    expect(inWords.clock.slept()).toBeGreaterThanOrEqual(5000);
  });

  it("for too long is told to the caller at once", async () => {
    hub.plan = always({ kind: "refuse", status: 429, code: 429002, retryAfterS: 60 });
    const registry = registryOn(hub);
    const entries = await registry.provision(many(2), ENDLESS);
    expect(entries).toMatchObject([{ code: "Throttled" }, { code: "Throttled" }]);
    expect(registry.clock.slept()).toBe(0);
    // And the next request is not even tried.
    const before = hub.requests.length;
    expect(await registry.status([certificate("01")], ENDLESS)).toMatchObject([{ code: "Throttled" }]);
    expect(hub.requests).toHaveLength(before);
  });

  it("with the quota of one S1 unit still settles each device", async () => {
    const registry = registryOn(hub, { callsPerSecond: { identity: 100 / 60 } });
    const throttle = tokenBucket({ perSecond: 100 / 60, burst: 5, clock: registry.clock });
    hub.throttle.identity = throttle;
    const certificates = many(30);
    expect(
      (await registry.provision(certificates, ENDLESS)).every(({ status }) => status === "SUCCESS"),
    ).toBe(true);
    // Again: each one is read.
    expect(
      (await registry.provision(certificates, ENDLESS)).every(({ status }) => status === "SUCCESS"),
    ).toBe(true);
    expect(registry.clock.slept()).toBeGreaterThan(14_000);
  });

  it("reading ten times as fast by twins does not touch the registry's quota", async () => {
    const registry = registryOn(hub, { twins: true });
    hub.throttle.identity = tokenBucket({ perSecond: 100 / 60, burst: 2, clock: registry.clock });
    hub.throttle.twin = tokenBucket({ perSecond: 100, burst: 100, clock: registry.clock });
    const certificates = many(60);
    await registry.provision(certificates, ENDLESS);
    const again = await registry.provision(certificates, ENDLESS);
    expect(again.every(({ status }) => status === "SUCCESS")).toBe(true);
    expect(registry.clock.slept()).toBeLessThan(1000);
  });
});

describe("an answer that is lost", () => {
  it.each<[string, Fault]>([
    ["before the work was done", { kind: "cut", when: "before" }],
    ["after the work was done", { kind: "cut", when: "after" }],
    ["half way", { kind: "half-json" }],
  ])("%s is no loss", async (_, fault) => {
    hub.plan = faultsInTurn([fault, fault]);
    const entries = await registryOn(hub).provision(many(3), ENDLESS);
    expect(entries.map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
    expect(names()).toHaveLength(3);
  });

  it("each time is told, and may be tried again", async () => {
    hub.plan = always({ kind: "cut", when: "before" });
    const entries = await registryOn(hub).provision(many(2), ENDLESS);
    expect(entries).toMatchObject([
      { code: "RegistrationFailed", retryable: true },
      { code: "RegistrationFailed", retryable: true },
    ]);
  });

  it("for good counts as lost after the time that one request has", async () => {
    hub.plan = faultsInTurn([{ kind: "silent" }]);
    const entries = await registryOn(hub, { requestTimeoutMs: 200 }).provision(many(1), ENDLESS);
    expect(entries).toMatchObject([{ status: "SUCCESS" }]);
  });
});

describe("when the time is up", () => {
  const until = (controller: AbortController): RegistryCall => ({ signal: controller.signal });

  it("what is done keeps its entry, and the rest is told so", async () => {
    const controller = new AbortController();
    let bulks = 0;
    hub.plan = ({ method }) => (method === "POST" && (bulks += 1) > 2 ? { kind: "silent" } : undefined);
    setTimeout(() => controller.abort(), 300);
    const entries = await registryOn(hub).provision(many(400), until(controller));
    const done = entries.filter(({ status }) => status === "SUCCESS");
    const late = entries.filter((entry) => entry.status === "ERROR" && entry.code === "OutOfTime");
    expect([done.length, late.length]).toEqual([200, 200]);
    expect(new Set(names())).toEqual(new Set(done.map(({ ref }) => ref)));
  });

  it.each(["provision", "status", "deprovision"] as const)(
    "before %s begins, nothing is asked",
    async (action) => {
      const controller = new AbortController();
      controller.abort();
      const entries = await registryOn(hub)[action](many(3), until(controller));
      expect(entries).toMatchObject(many(3).map(({ ref }) => ({ ref, code: "OutOfTime", retryable: true })));
      expect(hub.requests).toEqual([]);
    },
  );

  it("while the hub throttles, it is the throttle that is told", async () => {
    const controller = new AbortController();
    hub.plan = always({ kind: "refuse", status: 429, code: 429001, retryAfterS: 10 });
    setTimeout(() => controller.abort(), 300);
    const entries = await registryOn(hub, { clock: systemClock }).provision(many(2), until(controller));
    expect(entries).toMatchObject([{ code: "Throttled" }, { code: "Throttled" }]);
  });

  it("in the middle of deprovisioning, what is gone keeps its entry", async () => {
    for (const { serial } of many(150)) hub.devices.put(serial, selfSigned(thumbprint(serial)));
    const controller = new AbortController();
    let bulks = 0;
    hub.plan = ({ method }) => (method === "POST" && (bulks += 1) > 1 ? { kind: "silent" } : undefined);
    setTimeout(() => controller.abort(), 1500);
    const entries = await registryOn(hub).deprovision(many(150), until(controller));
    const gone = entries.filter(({ status }) => status === "SUCCESS").map(({ ref }) => ref);
    const left = entries.flatMap((entry) =>
      entry.status === "ERROR" && entry.code === "OutOfTime" ? [entry.ref] : [],
    );
    expect(gone.length + left.length).toBe(150);
    expect(gone.length).toBeGreaterThan(0);
    expect(new Set(names())).toEqual(new Set(left));
  });
});

describe("a token", () => {
  it("that is refused is exchanged once", async () => {
    const tokens = ["old", "good"];
    const registry = registryOn(hub, {
      credential: {
        getToken: () =>
          Promise.resolve({ token: tokens.shift() ?? "none", expiresOnTimestamp: Date.now() + 9e9 }),
      },
    });
    expect(await registry.provision([certificate("01")], ENDLESS)).toMatchObject([{ status: "SUCCESS" }]);
  });

  it.each([
    [
      "that is not good",
      () => Promise.resolve({ token: "bad", expiresOnTimestamp: Date.now() + 9e9 }),
      "NotPermitted",
    ],
    ["that is not to be had", () => Promise.resolve(null), "NotPermitted"],
    ["that cannot be fetched", () => Promise.reject(new Error("secret")), "RegistrationFailed"],
  ] as const)("%s is told, without a word of it", async (_, getToken, code) => {
    const lines: string[] = [];
    const log = {
      error: (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message })),
    };
    const entries = await registryOn(hub, { credential: { getToken }, log }).provision(
      [certificate("01")],
      ENDLESS,
    );
    expect(entries).toMatchObject([{ code }]);
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toMatch(/secret|bad/);
  });
});

describe("the log", () => {
  it("has one line for a call: which of the hub's errors, and how often", async () => {
    const lines: object[] = [];
    const log = { error: (fields: object) => void lines.push(fields) };
    hub.plan = faultsInTurn([{ kind: "devices", code: 403002, places: (index) => index < 2 }]);
    await registryOn(hub, { log }).provision(many(3), ENDLESS);
    expect(lines).toEqual([{ action: "provision", reasons: { "403002 IotHubQuotaExceeded": 2 } }]);
  });
});
