import { describe, expect, it } from "vitest";
import { COLLISION_MESSAGES, ENTRY_MESSAGES } from "../protocol/messages.ts";
import { readRefusal } from "./refusal.ts";

describe("a refusal", () => {
  it.each([
    [ENTRY_MESSAGES.certificateUndecodable, "CertificateUndecodable", false, false],
    [ENTRY_MESSAGES.serialUnusable, "SerialUnusable", false, false],
    [ENTRY_MESSAGES.validityOutOfRange, "ValidityOutOfRange", false, false],
    [ENTRY_MESSAGES.expirationUndecodable, "ExpirationUndecodable", false, false],
    [ENTRY_MESSAGES.thumbprintFailed, "ThumbprintFailed", false, false],
    [ENTRY_MESSAGES.registrationFailed, "RegistrationFailed", true, true],
    [COLLISION_MESSAGES.aws, "ExistsWithAnotherCertificate", false, false],
    [COLLISION_MESSAGES.azure, "ExistsWithAnotherCertificate", false, false],
    ["Quota of this hub is used up", "Unknown", true, false],
  ])("%s", (message, code, retryable, hiddenThrottle) => {
    expect(readRefusal({ message })).toEqual({
      outcome: "refused",
      message,
      code,
      retryable,
      hiddenThrottle,
    });
  });

  it("in unknown words is cut, and loses what cannot be printed", () => {
    expect(readRefusal({ message: "\u001b[31mno\r\n\tway\u0000 " }).message).toBe("[31mno way");
    expect(readRefusal({ message: "\n" }).message).toBe("(no message)");
    expect(readRefusal({ message: "x".repeat(5000) }).message).toHaveLength(200);
  });
});
