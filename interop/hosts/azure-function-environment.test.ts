import { describe, expect, it } from "vitest";
import { readFunctionEnvironment } from "./azure-function-environment.ts";
import { EnvironmentFault } from "./environment.ts";

const PUBLIC = { kty: "EC", crv: "P-256", x: "AAAA", y: "BBBB", kid: "1" };
const GOOD = {
  AUDIENCE: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
  JWKS: JSON.stringify({ keys: [PUBLIC] }),
  IOT_HUB_HOST: "contoso.azure-devices.net",
  IDENTITY_ENDPOINT: "http://127.0.0.1:41741/msi/token/",
  IDENTITY_HEADER: "header",
};

function faults(change: Record<string, string | undefined>): readonly string[] {
  try {
    readFunctionEnvironment({ ...GOOD, ...change });
    return [];
  } catch (error) {
    if (error instanceof EnvironmentFault) return error.faults;
    throw error;
  }
}

describe("the function's environment", () => {
  it("needs little, and has the field's defaults", () => {
    expect(readFunctionEnvironment({ ...GOOD, PATH: "/bin", AzureWebJobsStorage__accountName: "x" })).toEqual(
      {
        ...GOOD,
        JWKS: { keys: [PUBLIC] },
        DEVICE_NAME_TEMPLATE: "<serial>",
        DEFAULT_TOPIC: "iqs",
        IOT_HUB_TWINS: "false",
      },
    );
  });

  it("takes an empty variable for none", () => {
    expect(faults({ DPS_HOST: "", DEFAULT_TOPIC: "", IOT_HUB_TWINS: "", AZURE_CLIENT_ID: "" })).toEqual([]);
    expect(faults({ AUDIENCE: "" })).toEqual(["AUDIENCE must be set to the ID of this Azure subscription"]);
  });

  it("takes what is optional", () => {
    const settings = readFunctionEnvironment({
      ...GOOD,
      DEVICE_NAME_TEMPLATE: "<batch>-<fingerprint>",
      DEFAULT_TOPIC: "other/topic",
      IOT_HUB_TWINS: "true",
      IOT_HUB_CALLS_PER_SECOND: "1.67",
      AZURE_CLIENT_ID: GOOD.AUDIENCE,
    });
    expect(settings).toMatchObject({
      DEVICE_NAME_TEMPLATE: "<batch>-<fingerprint>",
      IOT_HUB_TWINS: "true",
      IOT_HUB_CALLS_PER_SECOND: 1.67,
    });
  });

  it.each([
    ["AUDIENCE", undefined, "must be set to the ID of this Azure subscription"],
    ["AUDIENCE", "123456789012", "must be the ID of this Azure subscription"],
    ["JWKS", undefined, "must be set to the accounts' public keys"],
    ["JWKS", "{", "must be JSON"],
    ["JWKS", '{"keys":{}}', "must be a JWKS"],
    ["JWKS", '{"keys":[]}', "must hold at least one public key"],
    ["JWKS", JSON.stringify({ keys: [{ ...PUBLIC, d: "CCCC" }] }), "holds a private or secret key"],
    ["IOT_HUB_HOST", undefined, "must be set to the IoT Hub's host name"],
    ["IOT_HUB_HOST", "https://contoso.azure-devices.net", "must be the IoT Hub's host name alone"],
    ["IOT_HUB_HOST", "contoso.example", "must be the IoT Hub's host name alone"],
    ["DEVICE_NAME_TEMPLATE", "<what>", "has <what>"],
    ["DEFAULT_TOPIC", "a b", "must be the name of an MQTT topic"],
    ["IOT_HUB_TWINS", "yes", "must be true or false"],
    ["IOT_HUB_CALLS_PER_SECOND", "fast", "must be a number"],
    ["IOT_HUB_TWIN_CALLS_PER_SECOND", "0", "must be above 0"],
    ["IDENTITY_ENDPOINT", undefined, "give the app a managed identity"],
    ["IDENTITY_HEADER", undefined, "give the app a managed identity"],
    ["AZURE_CLIENT_ID", "me", "must be the client ID"],
    ["DPS_HOST", "x.azure-devices-provisioning.net", "must not be set"],
  ])("%s as %j: %s", (name, value, words) => {
    const said = faults({ [name]: value });
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`${name} `);
    expect(said[0]).toContain(words);
  });

  it("says all that is wrong at once, and quotes no key", () => {
    const said = faults({ AUDIENCE: "x", JWKS: '{"keys":[{"kty":"EC","d":"SECRET"}]}', IOT_HUB_HOST: "y" });
    expect(said).toHaveLength(3);
    expect(said.join()).not.toContain("SECRET");
  });
});
