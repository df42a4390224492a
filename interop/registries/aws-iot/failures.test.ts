import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as sdk from "@aws-sdk/client-iot";
import { describe, expect, it } from "vitest";
import { IOT_ACTIONS } from "./actions.ts";
import { callFailed, ERROR_CODES, refusalEntry, unless } from "./failures.ts";
import { Faults } from "./faults.ts";

const about = (httpStatusCode: number, message = "arn:aws:iot:eu-central-1:123456789012:thing/secret") => ({
  message,
  $metadata: { httpStatusCode },
});

function named(name: string, more: object = {}): Error {
  return Object.assign(new Error("told in confidence"), { name }, more);
}

const CASES: readonly (readonly [Error, string])[] = [
  [new sdk.ThrottlingException(about(400)), "Throttled"],
  [named("TooManyRequestsException", { $metadata: { httpStatusCode: 429 } }), "Throttled"],
  [named("Throttling"), "Throttled"],
  [named("ThrottledException"), "Throttled"],
  [named("RequestLimitExceeded"), "Throttled"],
  [named("SomethingNew", { $metadata: { httpStatusCode: 429 } }), "Throttled"],
  [named("SomethingNew", { $retryable: { throttling: true } }), "Throttled"],
  [new sdk.LimitExceededException(about(429)), "Throttled"],
  [new sdk.LimitExceededException(about(410, "Rate exceeded")), "Throttled"],
  [
    new sdk.LimitExceededException(about(410, "The number of attached entities exceeds the limit")),
    "QuotaExceeded",
  ],
  [new sdk.ServiceQuotaExceededException(about(402)), "QuotaExceeded"],
  [new sdk.UnauthorizedException(about(401)), "NotPermitted"],
  [named("AccessDeniedException", { $metadata: { httpStatusCode: 403 } }), "NotPermitted"],
  [named("ExpiredTokenException", { $metadata: { httpStatusCode: 403 } }), "NotPermitted"],
  [named("UnrecognizedClientException"), "NotPermitted"],
  [named("InvalidSignatureException"), "NotPermitted"],
  [named("CredentialsProviderError"), "NotPermitted"],
  [named("SomethingNew", { $metadata: { httpStatusCode: 403 } }), "NotPermitted"],
  [new sdk.CertificateValidationException(about(400)), "CertificateUndecodable"],
  [new sdk.InternalFailureException(about(500)), "RegistrationFailed"],
  [new sdk.ServiceUnavailableException(about(503)), "RegistrationFailed"],
  [new sdk.InvalidRequestException(about(400)), "RegistrationFailed"],
  [new sdk.ResourceNotFoundException(about(404)), "RegistrationFailed"],
  [new sdk.ResourceAlreadyExistsException(about(409)), "RegistrationFailed"],
  [new sdk.CertificateStateException(about(406)), "RegistrationFailed"],
  [new sdk.DeleteConflictException(about(409)), "RegistrationFailed"],
  [new sdk.VersionConflictException(about(409)), "RegistrationFailed"],
  [named("TimeoutError"), "RegistrationFailed"],
  [named("Error", { code: "ECONNRESET" }), "RegistrationFailed"],
  [named("SomethingNew", { $metadata: { httpStatusCode: 502 } }), "RegistrationFailed"],
  [named("toString"), "RegistrationFailed"],
];

describe("an error of AWS", () => {
  it.each(CASES)("%s is %s", (error, code) => {
    expect(callFailed("CreateThing", error, false)).toMatchObject({ action: "CreateThing", code });
    expect(callFailed("CreateThing", error, true).code).toBe("OutOfTime");
  });

  it("that is no error is a failure", () => {
    expect(callFailed("CreateThing", "nonsense", false)).toMatchObject({
      error: "unknown",
      code: "RegistrationFailed",
    });
  });

  it("keeps AWS's text to itself, in entries and in what is told of faults", () => {
    const faults = new Faults();
    const { signal } = new AbortController();
    for (const [cause] of CASES) faults.note(callFailed("CreateThing", cause, false), signal);
    const told = JSON.stringify(faults.list());
    const entries = JSON.stringify(
      CASES.map(([cause]) => refusalEntry("a", callFailed("CreateThing", cause, false), signal)),
    );
    expect(told + entries).not.toMatch(/secret|confidence|arn:/);
    expect(faults.list()).toContainEqual({
      action: "CreateThing",
      error: "SomethingNew",
      code: "Throttled",
      count: 2,
    });
  });

  it("is counted on by its name alone", async () => {
    const gone = callFailed("GetPolicy", new sdk.ResourceNotFoundException(about(404)), false);
    expect(await unless("ResourceNotFoundException", Promise.reject(gone))).toBeUndefined();
    await expect(unless("VersionConflictException", Promise.reject(gone))).rejects.toBe(gone);
    const bug = new TypeError("ResourceNotFoundException");
    await expect(unless("ResourceNotFoundException", Promise.reject(bug))).rejects.toBe(bug);
    expect(refusalEntry("a", bug, new AbortController().signal)).toMatchObject({
      code: "RegistrationFailed",
    });
    expect(refusalEntry("a", bug, AbortSignal.abort())).toMatchObject({ code: "OutOfTime" });
  });
});

describe("the SDK's documentation", () => {
  it("knows of no error in the calls that are made which the table does not", async () => {
    const declarations = join(dirname(createRequire(import.meta.url).resolve("@aws-sdk/client-iot")), "..");
    for (const { action } of IOT_ACTIONS) {
      const file = `dist-types/commands/${action.slice("iot:".length)}Command.d.ts`;
      const text = await readFile(join(declarations, file), "utf8");
      const errors = [...text.matchAll(/@throws \{@link (\w+)\}/g)].flatMap(([, error]) => error ?? []);
      const own = errors.filter((error) => error !== "IoTServiceException");
      expect(own.length, action).toBeGreaterThan(2);
      for (const error of own) expect(Object.keys(ERROR_CODES), action).toContain(error);
    }
  });
});
