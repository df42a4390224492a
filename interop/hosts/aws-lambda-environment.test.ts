import { describe, expect, it } from "vitest";
import { generateSigningKey, publicJwks } from "../trust/signing-key.ts";
import { readLambdaEnvironment } from "./aws-lambda-environment.ts";
import { EnvironmentFault } from "./environment.ts";

const jwks = publicJwks([await generateSigningKey(), await generateSigningKey()]);
const good = {
  AUDIENCE: "123456789012",
  JWKS: JSON.stringify(jwks),
  PATH: "/bin",
  AWS_REGION: "eu-central-1",
};

function faultsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    readLambdaEnvironment(env);
    return [];
  } catch (error) {
    if (error instanceof EnvironmentFault) return error.faults;
    throw error;
  }
}

describe("the function's environment", () => {
  it("needs the account and the keys, and has the field's defaults", () => {
    const defaults = {
      audience: "123456789012",
      jwks,
      thingName: "Infineon_<serial>",
      policy: undefined,
      thingType: undefined,
      thingGroupPrefix: undefined,
      topic: "iqs",
      devicesPerSecond: 10,
    };
    expect(readLambdaEnvironment(good)).toEqual(defaults);
    const empty = Object.fromEntries(
      ["THING_NAME_TEMPLATE", "IOT_POLICY", "THING_TYPE", "THING_GROUP_PREFIX", "DEFAULT_TOPIC"].map(
        (name) => [name, ""],
      ),
    );
    expect(readLambdaEnvironment({ ...good, ...empty, DEVICES_PER_SECOND: "" })).toEqual(defaults);
  });

  it("may say all the rest", () => {
    expect(
      readLambdaEnvironment({
        ...good,
        THING_NAME_TEMPLATE: "<batch>-<fingerprint>",
        IOT_POLICY: "cloud_managed_iot_policy",
        THING_TYPE: "Device",
        THING_GROUP_PREFIX: "batch-",
        DEFAULT_TOPIC: "site/devices",
        DEVICES_PER_SECOND: "0.5",
      }),
    ).toMatchObject({
      thingName: "<batch>-<fingerprint>",
      policy: "cloud_managed_iot_policy",
      thingType: "Device",
      thingGroupPrefix: "batch-",
      topic: "site/devices",
      devicesPerSecond: 0.5,
    });
  });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ["no account", { AUDIENCE: undefined }, /^AUDIENCE must be set to the ID/],
    ["an empty account", { AUDIENCE: "" }, /^AUDIENCE must be set to the ID/],
    ["another kind of account", { AUDIENCE: "12345678901" }, /^AUDIENCE .* twelve digits/],
    ["no keys", { JWKS: undefined }, /^JWKS must be set/],
    ["keys that are not JSON", { JWKS: "{keys" }, /^JWKS must be JSON/],
    ["no key set", { JWKS: '{"kty":"EC"}' }, /^JWKS must be a JWKS/],
    ["an empty key set", { JWKS: '{"keys":[]}' }, /^JWKS must hold at least one public key/],
    [
      "keys of another kind alone",
      { JWKS: '{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}' },
      /^JWKS must hold/,
    ],
    ["half a key", { JWKS: '{"keys":[{"kty":"EC","crv":"P-256","x":"AQ"}]}' }, /^JWKS must hold/],
    [
      "a name template that makes no names",
      { THING_NAME_TEMPLATE: "all the same" },
      /^THING_NAME_TEMPLATE .*give it <serial>/,
    ],
    [
      "a name template with an unknown part",
      { THING_NAME_TEMPLATE: "<mac>" },
      /^THING_NAME_TEMPLATE .*it may have/,
    ],
    ["a policy's ARN", { IOT_POLICY: "arn:aws:iot:eu-central-1:1:policy/P" }, /^IOT_POLICY must be the name/],
    ["a type with a space", { THING_TYPE: "a b" }, /^THING_TYPE must be the name/],
    ["a long prefix", { THING_GROUP_PREFIX: "x".repeat(65) }, /^THING_GROUP_PREFIX .*at most 64/],
    [
      "a topic with a wildcard",
      { DEFAULT_TOPIC: "devices/#" },
      /^DEFAULT_TOPIC .*without spaces and wildcards/,
    ],
    ["a pace of words", { DEVICES_PER_SECOND: "ten" }, /^DEVICES_PER_SECOND must be a number/],
    ["no pace", { DEVICES_PER_SECOND: "0" }, /^DEVICES_PER_SECOND must be above 0/],
    ["an endless pace", { DEVICES_PER_SECOND: "1e9" }, /^DEVICES_PER_SECOND must be at most 1000/],
  ])("is not read with %s: the variable is named, and what it must be", (_, change, expected) => {
    const faults = faultsOf({ ...good, ...change });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });

  it("is told of all faults at once", () => {
    const faults = faultsOf({ THING_TYPE: "a b", DEVICES_PER_SECOND: "-1" });
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual([
      "AUDIENCE",
      "JWKS",
      "THING_TYPE",
      "DEVICES_PER_SECOND",
    ]);
  });

  it("with a private key is refused, and the key is not told on", () => {
    const secret = { kty: "EC", crv: "P-256", x: "AQ", y: "AQ", d: "c2VjcmV0" };
    for (const keys of [[secret], [...jwks.keys, secret], [...jwks.keys, { kty: "oct", k: "c2VjcmV0" }]]) {
      const faults = faultsOf({ ...good, JWKS: JSON.stringify({ keys }) });
      expect(faults).toEqual([expect.stringMatching(/^JWKS holds a private or secret key/)]);
      expect(faults.join()).not.toContain("c2VjcmV0");
    }
  });
});
