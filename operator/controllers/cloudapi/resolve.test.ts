import { describe, expect, it } from "vitest";
import { type CloudApi, type CloudApiSpec, kinds } from "../../../crds/index.ts";
import { audienceOf, endpointOf } from "./resolve.ts";

const SUBSCRIPTION = "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90";

function api(spec: CloudApiSpec): CloudApi {
  const { kind } = kinds.CloudApi;
  return { apiVersion: "certferry.dev/v1alpha1", kind, metadata: { name: "c", namespace: "acme" }, spec };
}
const azure = (interopUrl: string): CloudApi =>
  api({ type: "Azure", azure: { interopUrl, subscriptionId: SUBSCRIPTION } });
const other = (url: string): CloudApi =>
  api({ type: "Other", other: { url, cloud: "Private", credentialsSecretRef: { name: "s" } } });
const aws = { accountId: "123456789012", apiGatewayId: "a1b2c3d4e5", region: "eu-west-1", stage: "Prod" };

describe("the address that is posted to", () => {
  it("is the gateway's, or the one that was given", () => {
    expect(endpointOf(api({ type: "AWS", aws }))).toBe(
      "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/Prod/interop",
    );
    for (const url of ["https://f.azurewebsites.net/interop", "https://f.example:8443/a?code=x"]) {
      expect(endpointOf(azure(url))).toBe(url);
      expect(endpointOf(other(url))).toBe(url);
    }
  });

  it.each([
    [api({ type: "AWS", aws: { ...aws, region: "eu-west" } }), /^region: /],
    [azure("https://user:secret@f.example/interop"), /^interopUrl: leave user name and password out/],
    [azure("f.example/interop"), /^interopUrl: give a whole address/],
    [other("https://f.example/interop#part"), /^url: leave out what follows #/],
    [other("ftp://f.example/"), /^url: give a whole address/],
    [api({ type: "Other" }), /^spec\.other is missing/],
  ])("is refused with its field when it cannot be one (%#)", (wrong, message) => {
    let caught: unknown;
    try {
      endpointOf(wrong);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({
      reason: "AddressInvalid",
      message: expect.stringMatching(message) as string,
    });
    expect(String(caught)).not.toContain("secret");
  });
});

describe("whom a token is for", () => {
  it("is the account, or the subscription as Azure itself writes it", () => {
    expect(audienceOf(api({ type: "AWS", aws }).spec)).toBe("123456789012");
    const spec = azure("https://f.example/interop").spec;
    const loud: CloudApiSpec = {
      ...spec,
      azure: { interopUrl: "https://f.example/interop", subscriptionId: SUBSCRIPTION.toUpperCase() },
    };
    expect([audienceOf(spec), audienceOf(loud)]).toEqual([SUBSCRIPTION, SUBSCRIPTION]);
  });
});
