import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { faultsInTurn } from "./testing/faults.ts";
import { type HubServer, startHubServer } from "./testing/hub-server.ts";
import { certificate, ENDLESS, registryOn, selfSigned, thumbprint } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

const removed = (ref: string, is = true) => ({ ref, status: "SUCCESS", removed: is });

describe.each([
  ["registry", false],
  ["twins", true],
] as const)("deprovision, read by the %s", (_, twins) => {
  const take = (...serials: string[]) =>
    registryOn(hub, { twins }).deprovision(
      serials.map((serial) => certificate(serial)),
      ENDLESS,
    );

  it("deletes what was let in, and may be repeated", async () => {
    const serials = Array.from({ length: 205 }, (_unused, index) => `D${index}`);
    for (const serial of serials) hub.devices.put(serial, selfSigned(thumbprint(serial)));
    hub.devices.put("other", { authentication: { type: "sas" } });
    expect(await take(...serials)).toEqual(serials.map((ref) => removed(ref)));
    expect(hub.devices.all().map(({ identity }) => identity.deviceId)).toEqual(["other"]);
    expect(await take(...serials)).toEqual(serials.map((ref) => removed(ref, false)));
  });

  it("deletes a disabled device, and one with a single thumbprint", async () => {
    hub.devices.put("01", { ...selfSigned(thumbprint("01")), status: "disabled" });
    hub.devices.put("02", {
      authentication: {
        type: "selfSigned",
        x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: thumbprint("02") },
      },
    });
    expect(await take("01", "02")).toEqual([removed("01"), removed("02")]);
    expect(hub.devices.all()).toEqual([]);
  });

  it("leaves another certificate's device alone", async () => {
    hub.devices.put("01", selfSigned(thumbprint("other")));
    hub.devices.put("02", { authentication: { type: "sas" } });
    const before = hub.devices.all();
    expect(await take("01", "02")).toEqual([removed("01", false), removed("02", false)]);
    expect(hub.devices.all()).toEqual(before);
  });

  it.each([
    ["first", [thumbprint("01"), thumbprint("other")] as const],
    ["second", [thumbprint("other"), thumbprint("01")] as const],
  ])("takes a certificate in the %s place out, and keeps the other's device", async (_place, thumbprints) => {
    hub.devices.put("01", { ...selfSigned(...thumbprints), status: "disabled" });
    expect(await take("01")).toEqual([removed("01")]);
    expect(hub.devices.get("01")?.identity).toMatchObject({
      status: "disabled",
      ...selfSigned(thumbprint("other")),
    });
  });

  it("does not delete a device that changes hands in between", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.onRequest = (request) => {
      if (request !== "POST /devices") return;
      hub.onRequest = undefined;
      hub.devices.put("01", selfSigned(thumbprint("other")));
    };
    expect(await take("01")).toEqual([removed("01", false)]);
    expect(hub.devices.get("01")?.identity).toMatchObject(selfSigned(thumbprint("other")));
  });

  it("deletes a device that was only changed in between", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.onRequest = (request) => {
      if (request !== "POST /devices") return;
      hub.onRequest = undefined;
      hub.devices.put("01", { status: "disabled" });
    };
    expect(await take("01")).toEqual([removed("01")]);
    expect(hub.devices.all()).toEqual([]);
  });

  it("gives up, with the device left alone, where somebody changes it each time", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.onRequest = (request) => {
      if (request === "POST /devices") hub.devices.put("01", { status: "disabled" });
    };
    expect(await take("01")).toMatchObject([{ ref: "01", status: "ERROR", code: "RegistrationFailed" }]);
    expect(hub.devices.all()).toHaveLength(1);
  });
});

describe("deprovision", () => {
  it("says removed when its own delete was done and the answer lost", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.plan = faultsInTurn([undefined, { kind: "cut", when: "after" }]);
    expect(await registryOn(hub).deprovision([certificate("01")], ENDLESS)).toEqual([removed("01")]);
    expect(hub.devices.all()).toEqual([]);
  });

  it("takes a 404 of the whole request for no word about a device", async () => {
    hub.devices.put("01", selfSigned(thumbprint("01")));
    hub.plan = ({ method }) =>
      method === "POST" ? { kind: "refuse", status: 404, code: 404001 } : undefined;
    expect(await registryOn(hub).deprovision([certificate("01")], ENDLESS)).toMatchObject([
      { ref: "01", status: "ERROR", code: "RegistrationFailed" },
    ]);
    expect(hub.devices.all()).toHaveLength(1);
  });

  it("keeps what is done when others fail", async () => {
    for (const serial of ["01", "02", "03"]) hub.devices.put(serial, selfSigned(thumbprint(serial)));
    hub.plan = ({ method }) =>
      method === "POST" ? { kind: "devices", code: 403000, places: (index) => index === 1 } : undefined;
    const all = ["01", "02", "03"].map((serial) => certificate(serial));
    expect(await registryOn(hub).deprovision(all, ENDLESS)).toMatchObject([
      removed("01"),
      { ref: "02", status: "ERROR", code: "NotPermitted" },
      removed("03"),
    ]);
    expect(hub.devices.all().map(({ identity }) => identity.deviceId)).toEqual(["02"]);
  });

  it("of a certificate that makes no name has nothing to take out", async () => {
    const entries = await registryOn(hub, { names: "<device>" }).deprovision([certificate("01")], ENDLESS);
    expect(entries).toEqual([removed("01", false)]);
  });

  it("takes both of two certificates of one device out", async () => {
    hub.devices.put("01", selfSigned(thumbprint("a"), thumbprint("b")));
    const pair = [certificate("01", "a", "x"), certificate("01", "b", "y"), certificate("01", "c", "z")];
    expect(await registryOn(hub).deprovision(pair, ENDLESS)).toEqual([
      removed("x"),
      removed("y"),
      removed("z", false),
    ]);
    expect(hub.devices.all()).toEqual([]);
  });
});
