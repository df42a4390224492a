import { describe, expect, it } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { ConfigError, readSettings } from "./read.ts";
import type { Settings } from "./settings.ts";

const GOOD = { jwks: freshJwks(), namespace: "acme" };

function read(config: Readonly<Record<string, string>>): Settings {
  return readSettings({ get: (key) => config[key] }, Object.keys(config));
}

function faults(config: Readonly<Record<string, string>>): readonly string[] {
  try {
    read(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("needs the account and its keys; all else has a default", () => {
    expect(read(GOOD)).toMatchObject({
      clouds: ["aws"],
      name: "certferry",
      namespace: "acme",
      awsStage: "Prod",
      awsThingNameTemplate: "Infineon_<serial>",
      devicesPerSecond: 10,
      logRetentionDays: 30,
      protect: true,
      tags: {},
      azureIotHub: "create",
    });
  });

  it("says all that is wrong at once, and what to do", () => {
    const found = faults({
      clouds: '["aws","gcp"]',
      awsStage: "a b",
      awsThrottleRate: "0",
      protect: "maybe",
    });
    expect(found).toEqual([
      "clouds: entry 2 may hold aws and azure",
      "protect: must be true or false",
      "awsStage: must be letters, digits, hyphens and underscores",
      "awsThrottleRate: must be at least 1",
      "namespace: is not set. Set it to the Kubernetes namespace of the account: pulumi config set namespace NAME",
      expect.stringContaining(
        "jwks: is not set. Set it to the account's public keys: pulumi config set jwks",
      ),
    ]);
    expect(() => read({ awsStage: "a b" })).toThrow(/has 3 faults.*docs\/product-clouds\.md/);
  });

  it.each([
    [{ clouds: "[]" }, "clouds: names no cloud"],
    [{ clouds: "aws" }, "clouds: must be a list"],
    [{ name: "Factory" }, "name: must be 2 to 24 lower-case"],
    [{ namespace: "-acme" }, "namespace: must be the name of a Kubernetes namespace"],
    [{ defaultCloud: "azure" }, "defaultCloud: is azure, which is not among clouds (aws)"],
    [{ devicesPerSecond: "ten" }, "devicesPerSecond: must be a whole number"],
    [{ defaultTopic: "$aws/things" }, "defaultTopic: must be up to four words"],
    [{ defaultTopic: "" }, "defaultTopic: must be up to four words"],
    [{ logRetentionDays: "31" }, "logRetentionDays: must be one of: 30, 60"],
    [{ tags: '["owner"]' }, "tags: entry 1 must be name=value"],
    [{ awsRegion: "Ireland" }, "awsRegion: must be the name of an AWS region"],
    [{ awsEndpoint: "http://gateway.example.com" }, "awsEndpoint: must be an https:// address"],
    [{ awsEndpoint: "https://gateway.example.com?x" }, "awsEndpoint: must be an https:// address"],
    [{ awsThingNameTemplate: "device" }, "awsThingNameTemplate: the name template"],
    [{ awsThingNameTemplate: "<serial>/<batch>" }, "awsThingNameTemplate: the name template"],
    [{ azureMemoryMiB: "1024" }, "azureMemoryMiB: must be one of: 512, 2048, 4096"],
    [
      { azureIotHub: "use" },
      "azureIotHub: is use, so azureIotHubName and azureIotHubResourceGroup must say which",
    ],
    [{ azureIotHubName: "hub" }, "azureIotHub: is create, so azureIotHubName"],
    [
      { azureTwins: "true", azureIotHubSku: "B1" },
      "azureTwins: a basic tier (azureIotHubSku B1) has no twins",
    ],
    [{ azureDeviceNameTemplate: "<serial> <batch>" }, "azureDeviceNameTemplate: the name template"],
    [{ jwks: "{}" }, "jwks: is not a JWKS"],
    [{ awsStgae: "Prod" }, "awsStgae: there is no such key; did you mean awsStage?"],
    [{ stage: "Prod" }, "stage: there is no such key"],
    [{ awsstage: "Prod" }, "awsstage: there is no such key; did you mean awsStage?"],
    [{ awsStag: "Prod" }, "awsStag: there is no such key; did you mean awsStage?"],
  ])("is refused with %j", (wrong, fault) => {
    expect(faults({ ...GOOD, ...wrong })).toEqual([expect.stringContaining(fault)]);
  });

  it.each([
    [{ clouds: '["azure","aws","aws"]' }, { clouds: ["aws", "azure"] }],
    [{ tags: '["owner=platform","note=a=b"]' }, { tags: { owner: "platform", note: "a=b" } }],
    [{ awsEndpoint: "http://127.0.0.1:4566/x" }, { awsEndpoint: "http://127.0.0.1:4566/x" }],
    [{ awsReservedConcurrency: "-1" }, { awsReservedConcurrency: -1 }],
    [
      { azureIotHub: "use", azureIotHubName: "hub", azureIotHubResourceGroup: "iot" },
      { azureIotHub: "use", azureIotHubName: "hub" },
    ],
  ])("is taken with %j", (config, settings) => {
    expect(read({ ...GOOD, ...config })).toMatchObject(settings);
  });
});
