import { describe, expect, it } from "vitest";
import { readRefusal } from "../../interop/caller/refusal.ts";
import { failed, PROVISIONED, REMOVED } from "./ledger/states.ts";
import { judge, judgeRemoval, UNCERTAIN_REFUSALS } from "./outcome.ts";

describe("judge", () => {
  it("takes a missing answer for no success", () => {
    expect(judge(undefined, false, 0)).toMatchObject({ pending: "NoAnswer" });
  });

  it("takes a success without the expected policy for none", () => {
    const answer = { outcome: "provisioned", policyApplied: false } as const;
    expect(judge(answer, true, 0)).toMatchObject({ pending: "PolicyMissing" });
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
    expect(judge(answer, true, 0)).toMatchObject({ pending: "CloudBusy" });
    expect(judge(answer, true, UNCERTAIN_REFUSALS - 1)).toMatchObject({ state: failed("RegistryRefused") });
  });

  it("tries again what nobody knows", () => {
    expect(judge(readRefusal({ message: "Quota of blue devices reached" }), false, 0)).toMatchObject({
      pending: "CloudRefused",
    });
  });
});

describe("judge, of a callee with codes", () => {
  const coded = (code: string, retryable: boolean) => readRefusal({ message: "no", code, retryable });

  it.each(["Throttled", "OutOfTime"])("never takes %s for the device's failure", (code) => {
    for (const refusals of [0, UNCERTAIN_REFUSALS, 1_000]) {
      const verdict = judge(coded(code, true), true, refusals);
      expect(verdict).toMatchObject({ pending: "CloudBusy" });
      expect(verdict).not.toHaveProperty("doubtful");
    }
  });

  it.each([
    ["NotPermitted", true, "NotPermitted"],
    ["QuotaExceeded", true, "QuotaExceeded"],
    ["SomethingNew", true, "Unknown"],
  ] as const)("takes %s for a failure after many refusals", (code, retryable, reason) => {
    expect(judge(coded(code, retryable), true, 0)).toMatchObject({ pending: "CloudRefused", doubtful: true });
    expect(judge(coded(code, retryable), true, UNCERTAIN_REFUSALS - 1)).toMatchObject({
      state: failed(reason),
    });
  });

  it.each([
    ["NameUnusable", "NameRejected"],
    ["ExistsWithAnotherCertificate", "IdentityTaken"],
    ["SomethingNew", "Unknown"],
  ] as const)("believes a callee that says that %s is final", (code, reason) => {
    expect(judge(coded(code, false), true, 0)).toMatchObject({ state: failed(reason) });
  });
});

describe("judgeRemoval", () => {
  it("takes for out what was taken out, was not there, or could never have been", () => {
    expect(judgeRemoval({ outcome: "removed", wasThere: true })).toEqual({ state: REMOVED });
    expect(judgeRemoval({ outcome: "removed", wasThere: false })).toEqual({ state: REMOVED });
    const code = "CertificateUndecodable";
    expect(judgeRemoval(readRefusal({ message: "", code, retryable: false }))).toEqual({ state: REMOVED });
  });

  it("takes nothing else for out", () => {
    expect(judgeRemoval(undefined)).toMatchObject({ pending: "NoAnswer" });
    for (const code of ["Throttled", "OutOfTime", "NotPermitted", "RegistrationFailed", "New"]) {
      for (const retryable of [true, false]) {
        expect(judgeRemoval(readRefusal({ message: "", code, retryable })).state).toBeUndefined();
      }
    }
  });
});
