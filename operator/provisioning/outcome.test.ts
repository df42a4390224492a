import { describe, expect, it } from "vitest";
import { readRefusal } from "../../interop/caller/refusal.ts";
import { failed, PENDING, PROVISIONED } from "./ledger/states.ts";
import { judge, UNCERTAIN_REFUSALS } from "./outcome.ts";

describe("judge", () => {
  it("takes a missing answer for no success", () => {
    expect(judge(undefined, false, 0)).toMatchObject({ state: PENDING, pending: "NoAnswer" });
  });

  it("takes a success without the expected policy for none", () => {
    const answer = { outcome: "provisioned", policyApplied: false } as const;
    expect(judge(answer, true, 0)).toMatchObject({ state: PENDING, pending: "PolicyMissing" });
    expect(judge(answer, false, 0)).toEqual({ state: PROVISIONED });
    expect(judge({ outcome: "provisioned", policyApplied: true }, true, 0)).toEqual({ state: PROVISIONED });
  });

  it.each([
    ["Cannot decode certitifcate", "CertificateNotDecodable"],
    [
      "Certificate serial cannot be decoded or is incorrect (only alphanumeric/hyphen/underscore)",
      "SerialRejected",
    ],
    ["Certificate notBefore or notAfter is out of range", "ValidityRejected"],
    ["Certificate expiration cannot be decoded", "ValidityRejected"],
    ["Cannot get thumbprint", "ThumbprintRejected"],
  ] as const)("takes %j for final", (message, reason) => {
    expect(judge(readRefusal({ message }), false, 0)).toMatchObject({ state: failed(reason), message });
  });

  it("takes v1's hidden throttling for busy, and for a failure only after many refusals", () => {
    const answer = readRefusal({ message: "Failed creating and registering thing" });
    expect(judge(answer, true, 0)).toMatchObject({ state: PENDING, pending: "CloudBusy" });
    expect(judge(answer, true, UNCERTAIN_REFUSALS - 1)).toMatchObject({ state: failed("RegistryRefused") });
  });

  it("tries again what nobody knows", () => {
    expect(judge(readRefusal({ message: "Quota of blue devices reached" }), false, 0)).toMatchObject({
      state: PENDING,
      pending: "CloudRefused",
    });
  });
});
