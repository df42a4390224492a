import { describe, expect, it } from "vitest";
import type { CloudApi, CloudApiSpec } from "../../../crds/index.ts";
import { INTEROP_ERROR_REASONS } from "../../../interop/caller/errors.ts";
import { withRemedy } from "../remedies.ts";
import { whereabouts, withWhereabouts } from "./whereabouts.ts";

const api = (spec: CloudApiSpec): CloudApi =>
  ({ metadata: { namespace: "acme", name: "c" }, spec }) as CloudApi;

const aws = { accountId: "123456789012", apiGatewayId: "a1b2c3d4e5", region: "eu-west-1", stage: "Prod" };
const AWS = api({ type: "AWS", aws });
const ENDPOINT = api({ type: "AWS", aws: { ...aws, endpoint: "https://cloud.example.com" } });
const AZURE = api({ type: "Azure", azure: { interopUrl: "https://x.example.com/api", subscriptionId: "s" } });
const OTHER = api({
  type: "Other",
  other: { url: "https://o.example.com", cloud: "Private", credentialsSecretRef: { name: "login" } },
});

/** The fields that a sentence names. */
const fields = (text = ""): string[] => [...text.matchAll(/spec(?:\.\w+)+/g)].map(([field]) => field);

describe("where to look for what a fault is about", () => {
  it.each([
    ["an API Gateway", AWS, ["spec.aws.apiGatewayId", "spec.aws.region", "spec.aws.stage"]],
    ["an address of its own", ENDPOINT, ["spec.aws.endpoint", "spec.aws.stage"]],
    ["Azure", AZURE, ["spec.azure.interopUrl"]],
    ["another cloud", OTHER, ["spec.other.url"]],
  ])("names the fields of which the address of %s is made, and the CloudApi", (_which, of, wanted) => {
    for (const reason of ["NameNotResolved", "NotAnInteropEndpoint", "ConnectionRefused", "EgressRefused"]) {
      const where = whereabouts(reason, of);
      expect(fields(where)).toEqual(wanted);
      expect(where).toContain("CloudApi c");
    }
  });

  it("names only fields that are set", () => {
    for (const of of [AWS, ENDPOINT, AZURE, OTHER]) {
      for (const reason of INTEROP_ERROR_REASONS) {
        for (const field of fields(whereabouts(reason, of))) {
          if (field === "spec.caBundle") continue;
          const value = field
            .split(".")
            .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], of);
          expect(value, `${reason}: ${field}`).toBeDefined();
        }
      }
    }
  });

  it("leads to what the cloud checks when it lets nobody in: keys and ID, or the Secret", () => {
    expect(whereabouts("Unauthorized", AWS)).toMatch(/ConfigMap acme\/certferry-jwks.*spec\.aws\.accountId/);
    expect(whereabouts("Unauthorized", AZURE)).toMatch(/acme\/certferry-jwks.*spec\.azure\.subscriptionId/);
    expect(whereabouts("Unauthorized", OTHER)).toMatch(
      /Secret acme\/login \(spec\.other\.credentialsSecretRef of CloudApi c\)/,
    );
    // What is to be done fits each: who has a password is not told to give keys to the cloud.
    for (const of of [AWS, AZURE, OTHER]) {
      const told = withRemedy("Unauthorized", withWhereabouts("Unauthorized", "refused", of));
      expect(told).toMatch(/What to do: correct what the message names, or have the cloud accept it\./);
    }
    expect(whereabouts("CertificateUntrusted", AWS)).toContain("spec.caBundle");
  });

  it("says nothing of faults that no field has to do with", () => {
    for (const reason of ["Timeout", "ServerError", "Throttled", "BadAnswer", "ConnectionBroken"]) {
      expect(whereabouts(reason, AWS)).toBeUndefined();
      expect(withWhereabouts(reason, "no answer", AWS)).toBe("no answer");
    }
  });

  it("is added to a message once, however often it passes through", () => {
    const once = withWhereabouts("NameNotResolved", "x does not exist", AWS);
    expect(once).toMatch(/^x does not exist\. The address is made of .* of CloudApi c$/);
    expect(withWhereabouts("NameNotResolved", once, AWS)).toBe(once);
    expect(withWhereabouts("NameNotResolved", "x does not exist", undefined)).toBe("x does not exist");
  });
});
