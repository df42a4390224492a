import { describe, expect, it } from "vitest";
import { AddressError, awsInteropUrl, checkedInteropUrl } from "./address.ts";

const gateway = { apiGatewayId: "a1b2c3d4e5", region: "eu-central-1", stage: "Prod" };

describe("the address of an API Gateway", () => {
  it.each([
    ["eu-central-1", "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/Prod/interop"],
    ["us-gov-west-1", "https://a1b2c3d4e5.execute-api.us-gov-west-1.amazonaws.com/Prod/interop"],
    ["ap-southeast-5", "https://a1b2c3d4e5.execute-api.ap-southeast-5.amazonaws.com/Prod/interop"],
    ["cn-north-1", "https://a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn/Prod/interop"],
    ["cn-northwest-1", "https://a1b2c3d4e5.execute-api.cn-northwest-1.amazonaws.com.cn/Prod/interop"],
    ["eusc-de-east-1", "https://a1b2c3d4e5.execute-api.eusc-de-east-1.amazonaws.eu/Prod/interop"],
    ["us-isob-east-1", "https://a1b2c3d4e5.execute-api.us-isob-east-1.sc2s.sgov.gov/Prod/interop"],
    ["us-iso-east-1", "https://a1b2c3d4e5.execute-api.us-iso-east-1.c2s.ic.gov/Prod/interop"],
  ])("follows the partition of %s", (region, url) => {
    expect(awsInteropUrl({ ...gateway, region })).toBe(url);
  });

  it.each([
    ["http://127.0.0.1:4566/restapis/x/", "http://127.0.0.1:4566/restapis/x/Prod/interop"],
    [
      "https://vpce-1.execute-api.eu-west-1.vpce.amazonaws.com",
      "https://vpce-1.execute-api.eu-west-1.vpce.amazonaws.com/Prod/interop",
    ],
    ["https://[::1]:8443/a/b", "https://[::1]:8443/a/b/Prod/interop"],
  ])("takes scheme, host and path of the endpoint %s", (endpoint, url) => {
    expect(awsInteropUrl({ ...gateway, endpoint })).toBe(url);
  });

  it.each([
    [{ apiGatewayId: "https://a1b2.execute-api.eu-west-1.amazonaws.com" }, "apiGatewayId", "not its address"],
    [{ apiGatewayId: "a1b2.evil.example/" }, "apiGatewayId", "ID alone"],
    [{ region: "Frankfurt" }, "region", "eu-central-1"],
    [{ region: "eu-central-1.evil.example/?" }, "region", "code"],
    [{ stage: "" }, "stage", "Prod"],
    [{ stage: "../x" }, "stage", "name alone"],
    [{ endpoint: "gateway.example" }, "endpoint", "whole address"],
    [{ endpoint: "https://u:p@gateway.example" }, "endpoint", "password out of"],
    [{ endpoint: "https://gateway.example/?stage=x" }, "endpoint", "?"],
  ])("says what is wrong with %j", (wrong, field, words) => {
    const attempt = (): string => awsInteropUrl({ ...gateway, ...wrong });
    expect(attempt).toThrow(AddressError);
    expect(attempt).toThrow(new RegExp(`^${field}: .*${words.replaceAll("?", "\\?")}`));
  });
});

describe("an address that is posted to as it stands", () => {
  it("is kept with its query, as a Function App's key may stand there", () => {
    const url = "https://app.azurewebsites.net/interop?code=x";
    expect(checkedInteropUrl("interopUrl", url)).toBe(url);
  });

  it.each([
    "app.azurewebsites.net/interop",
    "file:///etc/passwd",
    "https://u@host/",
    "https://host/#x",
    "https://",
  ])("is refused: %s", (url) => expect(() => checkedInteropUrl("interopUrl", url)).toThrow(/^interopUrl: /));
});
