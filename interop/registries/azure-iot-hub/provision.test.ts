import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { COLLISION_MESSAGES } from "../../protocol/messages.ts";
import { faultsInTurn } from "./testing/faults.ts";
import { HUB_HOST, type HubServer, startHubServer } from "./testing/hub-server.ts";
import { certificate, ENDLESS, registryOn, selfSigned, thumbprint } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

const many = (count: number) => Array.from({ length: count }, (_, index) => certificate(`D${index}`));
const success = (ref: string) => ({
  ref,
  status: "SUCCESS",
  endpoint: HUB_HOST,
  topic: "iqs",
  policyApplied: false,
});
const collision = {
  status: "ERROR",
  code: "ExistsWithAnotherCertificate",
  message: COLLISION_MESSAGES.azure,
};

describe("new devices", () => {
  it("are let in by their certificate's thumbprint, enabled, and answered in the order given", async () => {
    const certificates = many(250);
    const entries = await registryOn(hub).provision(certificates, ENDLESS);
    expect(entries).toEqual(certificates.map(({ ref }) => success(ref)));
    const held = new Map(hub.devices.all().map(({ identity }) => [identity.deviceId, identity]));
    expect(held.size).toBe(250);
    for (const { serial, thumbprint } of certificates) {
      expect(held.get(serial)).toMatchObject({ status: "enabled", ...selfSigned(thumbprint) });
    }
    expect(hub.requests).toEqual(Array.from({ length: 3 }, () => "POST /devices"));
  });

  it("get the topic and names that the registry is told", async () => {
    const registry = registryOn(hub, { topic: "other", names: "<batch>-<fingerprint>" });
    expect(registry.distinctNames).toBe(true);
    const entries = await registry.provision([certificate("01")], { ...ENDLESS, batch: "D001" });
    expect(entries).toMatchObject([{ status: "SUCCESS", topic: "other" }]);
    expect(hub.devices.get(`D001-${thumbprint("01")}`)).toBeDefined();
  });

  it("are tagged with their batch where twins are used, and only there", async () => {
    await registryOn(hub, { twins: true }).provision([certificate("01")], { ...ENDLESS, batch: "D001" });
    await registryOn(hub).provision([certificate("02")], { ...ENDLESS, batch: "D001" });
    expect(hub.devices.get("01")?.twin?.tags).toEqual({ certferry: { batch: "D001" } });
    expect(hub.devices.get("02")?.twin?.tags).toEqual({});
  });

  it.each(["<device>", "<batch>-<serial>"])("that make no name by %s are refused", async (names) => {
    const entries = await registryOn(hub, { names }).provision([certificate("01")], ENDLESS);
    expect(entries).toMatchObject([{ ref: "01", status: "ERROR", code: "NameUnusable", retryable: false }]);
    expect(hub.requests).toEqual([]);
  });

  it("with a name that no URL can carry are refused", async () => {
    const registry = registryOn(hub, { names: "<device>" });
    const entries = await registry.provision(
      [".", "..", "a/b", "a b", "é", "%2e%2e", "..."].map((device) =>
        Object.assign(certificate(device), { device }),
      ),
      ENDLESS,
    );
    const made = ["%2e%2e", "..."];
    expect(entries.filter(({ status }) => status === "SUCCESS").map(({ ref }) => ref)).toEqual(made);
    expect(hub.devices.all().map(({ identity }) => identity.deviceId)).toEqual(made);
    expect(await registry.status([{ ...certificate("%2e%2e"), device: "%2e%2e" }], ENDLESS)).toMatchObject([
      { present: true, name: "%2e%2e" },
    ]);
  });

  it("keep their entry when no twin could be made for them", async () => {
    hub.plan = faultsInTurn([{ kind: "no-twin" }]);
    expect(await registryOn(hub).provision([certificate("01")], ENDLESS)).toEqual([success("01")]);
  });
});

describe("one certificate twice in a request", () => {
  it("gives two entries and one device", async () => {
    const twice = [certificate("01", "a", "x"), certificate("01", "a", "y")];
    expect(await registryOn(hub).provision(twice, ENDLESS)).toEqual([success("x"), success("y")]);
    expect(hub.devices.all()).toHaveLength(1);
  });
});

describe("two certificates that want one name", () => {
  const pair = [certificate("01", "a", "x"), certificate("01", "b", "y")];

  it("in one request: the first gets it, and both are told", async () => {
    const entries = await registryOn(hub).provision(pair, ENDLESS);
    expect(entries).toMatchObject([success("x"), { ref: "y", ...collision }]);
    expect(hub.devices.get("01")?.identity).toMatchObject(selfSigned(thumbprint("a")));
  });

  it("in one request, when the hub has it for the second: that one keeps it", async () => {
    hub.devices.put("01", { ...selfSigned(thumbprint("b")), status: "disabled" });
    const entries = await registryOn(hub).provision(pair, ENDLESS);
    expect(entries).toMatchObject([{ ref: "x", ...collision }, success("y")]);
    expect(hub.devices.get("01")?.identity).toMatchObject({
      status: "enabled",
      ...selfSigned(thumbprint("b")),
    });
  });

  it("and are in it both: both are in", async () => {
    hub.devices.put("01", selfSigned(thumbprint("a"), thumbprint("b")));
    expect(await registryOn(hub).provision(pair, ENDLESS)).toEqual([success("x"), success("y")]);
  });
});

describe.each([
  ["registry", false],
  ["twins", true],
] as const)("a device that exists, read by the %s", (_, twins) => {
  const batch = { ...ENDLESS, batch: "D001" };
  const ours = selfSigned(thumbprint("01"));
  const push = () => registryOn(hub, { twins }).provision([certificate("01")], batch);

  it("of the same certificate is a success, and is left as it is", async () => {
    hub.devices.put("01", { ...ours, tags: { certferry: { batch: "D001" } } });
    const before = hub.devices.get("01");
    expect(await push()).toEqual([success("01")]);
    expect(hub.devices.get("01")).toEqual(before);
  });

  it.each([
    ["disabled", { status: "disabled", statusReason: "by hand" }],
    [
      "with one thumbprint only",
      {
        authentication: {
          type: "selfSigned",
          x509Thumbprint: { primaryThumbprint: thumbprint("01"), secondaryThumbprint: null },
        },
      },
    ],
    [
      "with the other thumbprint only",
      {
        authentication: {
          type: "selfSigned",
          x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: thumbprint("01") },
        },
      },
    ],
  ] as const)("%s is mended, and keeps the rest", async (_what, change) => {
    hub.devices.put("01", {
      ...ours,
      ...structuredClone(change),
      capabilities: { iotEdge: true },
      tags: { site: "Villach", certferry: { batch: "D001" } },
    });
    expect(await push()).toEqual([success("01")]);
    const held = hub.devices.get("01");
    expect(held?.identity).toMatchObject({ ...ours, status: "enabled", capabilities: { iotEdge: true } });
    expect(held?.twin?.tags).toEqual({ site: "Villach", certferry: { batch: "D001" } });
  });

  it.each([
    ["by another thumbprint", selfSigned(thumbprint("other"))],
    ["by a key", { authentication: { type: "sas" as const } }],
    ["by a CA", { authentication: { type: "certificateAuthority" as const } }],
    [
      "by a key, with our thumbprint beside it",
      {
        authentication: {
          type: "sas" as const,
          x509Thumbprint: { primaryThumbprint: thumbprint("01"), secondaryThumbprint: null },
        },
      },
    ],
  ])("and is let in %s is another's, and never touched", async (_what, change) => {
    hub.devices.put("01", { ...structuredClone(change), status: "disabled" });
    const before = hub.devices.get("01");
    expect(await push()).toMatchObject([{ ref: "01", retryable: false, ...collision }]);
    expect(hub.devices.get("01")).toEqual(before);
  });

  it("is not written over what somebody else wrote in between", async () => {
    hub.devices.put("01", { ...ours, status: "disabled" });
    hub.onRequest = (request) => {
      if (request !== "PUT /devices/01") return;
      hub.onRequest = undefined;
      hub.devices.put("01", selfSigned(thumbprint("thief")));
    };
    expect(await push()).toMatchObject([{ ref: "01", ...collision }]);
    expect(hub.devices.get("01")?.identity).toMatchObject(selfSigned(thumbprint("thief")));
  });

  it("and goes away while it is looked at is made anew", async () => {
    hub.devices.put("01", selfSigned(thumbprint("other")));
    hub.onRequest = (request) => {
      if (!request.startsWith("GET ")) return;
      hub.onRequest = undefined;
      hub.devices.remove("01");
    };
    expect(await push()).toEqual([success("01")]);
    expect(hub.devices.get("01")?.identity).toMatchObject(ours);
  });
});

describe("the batch's tag", () => {
  const push = (batch: string | undefined) =>
    registryOn(hub, { twins: true }).provision([certificate("01")], { ...ENDLESS, batch });

  it("is added to a device that has none, beside what others put there", async () => {
    hub.devices.put("01", { ...selfSigned(thumbprint("01")), tags: { site: "Villach" } });
    expect(await push("D001")).toEqual([success("01")]);
    expect(hub.devices.get("01")?.twin?.tags).toEqual({ site: "Villach", certferry: { batch: "D001" } });
  });

  it("stays when the caller tells no batch", async () => {
    hub.devices.put("01", { ...selfSigned(thumbprint("01")), tags: { certferry: { batch: "D001" } } });
    await push(undefined);
    expect(hub.devices.get("01")?.twin?.tags).toEqual({ certferry: { batch: "D001" } });
  });

  it("is written for the twin that was read", async () => {
    hub.devices.put("01", { ...selfSigned(thumbprint("01")), status: "disabled" });
    hub.onRequest = (request) => {
      if (request !== "PATCH /twins/01") return;
      hub.onRequest = undefined;
      hub.devices.put("01", { tags: { site: "Graz" } });
    };
    expect(await push("D001")).toEqual([success("01")]);
    expect(hub.devices.get("01")?.twin?.tags).toEqual({ site: "Graz", certferry: { batch: "D001" } });
    expect(hub.devices.get("01")?.identity.status).toBe("enabled");
  });

  it("cannot be had of a basic tier, and says so", async () => {
    hub.tier = "basic";
    hub.devices.put("01", selfSigned(thumbprint("01")));
    expect(await push("D001")).toMatchObject([{ code: "NotPermitted" }]);
  });
});
