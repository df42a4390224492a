import { parseAllDocuments } from "yaml";
import { describe, expect, it } from "vitest";
import { cloudApiSpec } from "../crds/schema/cloud-api.ts";
import { type CloudApisArgs, cloudApis } from "./cloud-apis.ts";

const args: CloudApisArgs = {
  clouds: [
    {
      cloud: "aws",
      accountId: "012345678901",
      apiGatewayId: "a1b2c3d4e5",
      region: "eu-west-1",
      stage: "Prod",
    },
    {
      cloud: "azure",
      interopUrl: "https://factory1a2b.azurewebsites.net/interop",
      subscriptionId: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
      location: "westeurope",
    },
  ],
  name: "factory",
  namespace: "acme",
  defaultCloud: "azure",
  devicesPerSecond: 12,
};

interface CloudApi {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: unknown;
}

function read(text: string): CloudApi[] {
  // As kubectl reads it: one document, YAML 1.1.
  const [document, ...more] = parseAllDocuments(text, { version: "1.1" });
  if (document === undefined || more.length > 0) throw new Error("not one document");
  const list = document.toJS() as { apiVersion: string; kind: string; items: CloudApi[] };
  expect(list).toMatchObject({ apiVersion: "v1", kind: "List" });
  return list.items;
}

describe("the output cloudApis", () => {
  it("is a list of CloudApis that the API takes", () => {
    const items = read(cloudApis(args));
    expect(items.map(({ metadata }) => metadata)).toEqual([
      { namespace: "acme", name: "factory-aws-eu-west-1" },
      { namespace: "acme", name: "factory-azure-westeurope" },
    ]);
    for (const { apiVersion, kind, spec } of items) {
      expect({ apiVersion, kind }).toEqual({ apiVersion: "certferry.dev/v1alpha1", kind: "CloudApi" });
      expect(cloudApiSpec.strict().safeParse(spec).error).toBeUndefined();
    }
  });

  it("says what the clouds are, and keeps an account ID that begins with 0 a text", () => {
    const [aws, azure] = read(cloudApis(args));
    expect(aws?.spec).toEqual({
      displayName: "AWS IoT Core, eu-west-1",
      type: "AWS",
      aws: { accountId: "012345678901", apiGatewayId: "a1b2c3d4e5", region: "eu-west-1", stage: "Prod" },
      limits: { devicesPerSecond: 12 },
    });
    expect(azure?.spec).toMatchObject({
      type: "Azure",
      azure: {
        interopUrl: "https://factory1a2b.azurewebsites.net/interop",
        subscriptionId: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
      },
      default: true,
    });
  });

  it("takes another address for an emulator or a private gateway", () => {
    const [facts] = args.clouds;
    if (facts?.cloud !== "aws") throw new Error("no AWS");
    const endpoint = "http://127.0.0.1:4566/restapis/a1b2c3d4e5";
    const [aws] = read(cloudApis({ ...args, clouds: [{ ...facts, endpoint }] }));
    expect(aws?.spec).toMatchObject({ aws: { endpoint } });
    expect(cloudApiSpec.safeParse(aws?.spec).success).toBe(true);
  });

  it("gives no name that is longer than a CloudApi may have", () => {
    const [facts] = args.clouds;
    if (facts?.cloud !== "aws") throw new Error("no AWS");
    const clouds = [{ ...facts, region: "ap-southeast-1" }];
    const [aws] = read(cloudApis({ ...args, name: "a".repeat(24), clouds }));
    expect(aws?.metadata.name.length).toBeLessThanOrEqual(63);
    expect(aws?.metadata.name).toMatch(/-aws-ap-southeast-1$/);
  });
});
