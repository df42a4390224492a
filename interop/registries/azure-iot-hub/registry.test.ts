import { describe, expect, it } from "vitest";
import { createAzureIotHubRegistry } from "./registry.ts";

const credential = { getToken: () => Promise.resolve(null) };

describe("a registry of an IoT Hub", () => {
  it.each(["contoso.azure-devices.net", "Contoso-1.azure-devices.net", "x.azure-devices.cn"])(
    "takes %s",
    async (host) => {
      const registry = createAzureIotHubRegistry({ host, credential });
      expect(await registry.endpoint(new AbortController().signal)).toBe(host.toLowerCase());
      expect(registry).toMatchObject({ flavor: "azure", distinctNames: false });
    },
  );

  it.each([
    "",
    "contoso",
    "https://contoso.azure-devices.net",
    "contoso.azure-devices.net/",
    "contoso.azure-devices.net:443",
    "evil.example",
    "contoso.azure-devices.net.evil.example",
    "user@contoso.azure-devices.net",
  ])("refuses %j, which is no hub's name", (host) => {
    expect(() => createAzureIotHubRegistry({ host, credential })).toThrow("IoT Hub's host name");
  });

  it.each(["<name>", "fixed", "<batch>", "a/<serial>", "a b<serial>"])("refuses the template %j", (names) => {
    const make = () => createAzureIotHubRegistry({ host: "a.azure-devices.net", credential, names });
    expect(make).toThrow("the name template");
  });
});
