import { describe, expect, it } from "vitest";
import type { CloudApiSpec } from "../../crds/index.ts";
import { targetOf } from "./target.ts";

const aws = { accountId: "123456789012", apiGatewayId: "a1b2c3d4e5", region: "eu-west-1", stage: "Prod" };
const azure = {
  interopUrl: "https://Factory.azurewebsites.net/interop",
  subscriptionId: "0F3C1C0A-6A1E-4E59-9D4B-2F5F6C1B7A90",
};
const other = {
  url: "https://devices.example.com:8443/interop",
  cloud: "Private" as const,
  credentialsSecretRef: { name: "credentials" },
};

describe("targetOf", () => {
  it.each<[CloudApiSpec, string]>([
    [{ type: "AWS", aws }, "AWS/123456789012/eu-west-1"],
    [{ type: "Azure", azure }, "Azure/0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90/factory.azurewebsites.net"],
    [{ type: "Other", other }, "Other/devices.example.com:8443"],
  ])("names the cloud, whatever leads to it", (spec, key) => {
    expect(targetOf(spec)).toMatchObject({
      key,
      type: spec.type,
      hash: expect.stringMatching(/^[0-9a-f]{10}$/),
    });
  });

  it("is the same for another gateway, path or spelling, and another for another cloud", () => {
    const hash = (spec: CloudApiSpec) => targetOf(spec)?.hash;
    expect(
      hash({ type: "AWS", aws: { ...aws, apiGatewayId: "zzz", stage: "v2", endpoint: "https://vpce.test" } }),
    ).toBe(hash({ type: "AWS", aws }));
    expect(hash({ type: "AWS", aws: { ...aws, region: "us-east-1" } })).not.toBe(hash({ type: "AWS", aws }));
    const spelt = {
      interopUrl: "https://factory.AZUREwebsites.net/v2/interop",
      subscriptionId: azure.subscriptionId.toLowerCase(),
    };
    expect(hash({ type: "Azure", azure: spelt })).toBe(hash({ type: "Azure", azure }));
    expect(hash({ type: "Other", other: { ...other, url: "https://devices.example.com/interop" } })).not.toBe(
      hash({ type: "Other", other }),
    );
  });

  // The hash stands in the names and labels of ledgers: another one would lose them.
  it("keeps its hash", () => {
    expect(targetOf({ type: "AWS", aws })?.hash).toBe("d485a6004c");
  });

  it("is nothing without the block of its type", () => {
    expect(targetOf({ type: "AWS", azure })).toBeUndefined();
  });
});
