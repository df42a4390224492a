import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type HubServer, startHubServer } from "./testing/hub-server.ts";
import { certificate, ENDLESS, registryOn, selfSigned, thumbprint } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

describe.each([
  ["registry", false],
  ["twins", true],
] as const)("status, read by the %s", (_, twins) => {
  it("tells how each certificate stands, and changes nothing", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.devices.put("02", { ...selfSigned(thumbprint("02")), status: "disabled" });
    hub.devices.put("03", selfSigned(thumbprint("other")));
    hub.devices.put("04", selfSigned(thumbprint("other"), thumbprint("04")));
    hub.devices.put("05", { ...selfSigned(thumbprint("05")), twin: false });
    const before = hub.devices.all();
    const registry = registryOn(hub, { twins });
    const asked = ["01", "02", "03", "04", "05", "06"].map((serial) => certificate(serial));
    const fine = { status: "SUCCESS", present: true, active: true, attached: true, policyApplied: false };
    const absent = {
      status: "SUCCESS",
      present: false,
      active: false,
      attached: false,
      policyApplied: false,
    };
    expect(await registry.status(asked, ENDLESS)).toEqual([
      { ref: "01", name: "01", ...fine, differs: [] },
      { ref: "02", name: "02", ...fine, active: false, differs: ["Inactive"] },
      { ref: "03", name: "03", ...absent, differs: ["Missing", "ExistsWithAnotherCertificate"] },
      { ref: "04", name: "04", ...fine, differs: [] },
      { ref: "05", name: "05", ...fine, differs: [] },
      { ref: "06", name: "06", ...absent, differs: ["Missing"] },
    ]);
    expect(hub.devices.all()).toEqual(before);
  });

  it("has nothing missing after provisioning, and all after deprovisioning", async () => {
    const registry = registryOn(hub, { twins });
    const certificates = ["01", "02"].map((serial) => certificate(serial));
    await registry.provision(certificates, ENDLESS);
    expect(await registry.status(certificates, ENDLESS)).toMatchObject([{ differs: [] }, { differs: [] }]);
    await registry.deprovision(certificates, ENDLESS);
    const missing = { differs: ["Missing"] };
    expect(await registry.status(certificates, ENDLESS)).toMatchObject([missing, missing]);
  });
});

describe("status", () => {
  it("of a certificate that makes no name is that it is missing", async () => {
    const entries = await registryOn(hub, { names: "<device>" }).status([certificate("01")], ENDLESS);
    expect(entries).toMatchObject([{ ref: "01", status: "SUCCESS", name: null, differs: ["Missing"] }]);
  });

  it("that cannot be had is an error of its own, for that certificate alone", async () => {
    hub.devices.put("02", selfSigned(thumbprint("02")));
    hub.plan = ({ path }) =>
      path === "/devices/01" ? { kind: "refuse", status: 403, code: 403000 } : undefined;
    const entries = await registryOn(hub).status([certificate("01"), certificate("02")], ENDLESS);
    expect(entries).toMatchObject([
      { ref: "01", status: "ERROR", code: "NotPermitted" },
      { ref: "02", present: true },
    ]);
  });
});
