import { describe, expect, it } from "vitest";
import { readBulkResult } from "./bulk.ts";
import { readFailure } from "./failure.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");

describe("an error of the hub", () => {
  const read = (body: string, headers: Record<string, string> = {}, status = 400) =>
    readFailure({ status, headers, body }, NOW);

  it.each([
    // As met with in 2016 and since.
    ['{"Message":"ErrorCode:DeviceAlreadyExists;Conflict","ExceptionMessage":"Tracking ID:e4cb"}', "Exists"],
    ['{"Message":"{\\"errorCode\\":404001,\\"trackingId\\":\\"x\\",\\"message\\":\\"y\\"}"}', "Absent"],
    ['{"Message":"ErrorCode:412001;PreconditionFailed"}', "Changed"],
    ['{"errorCode":403002,"trackingId":"x","message":"quota"}', "QuotaExceeded"],
    ['{"errorCode":"429003"}', "Throttled"],
  ])("is read from %s", (body, meaning) => {
    expect(read(body).meaning).toBe(meaning);
  });

  it("is read from the header where the body says nothing", () => {
    expect(read("", { "iothub-errorcode": "IotHubUnauthorizedAccess" }).meaning).toBe("NotPermitted");
    expect(read("<html>", { "iothub-errorcode": "ServerBusy" }).meaning).toBe("Transient");
  });

  it.each(["", "null", "[]", "{", '"text"', '{"Message":5,"errorCode":{}}', '{"Message":"ErrorCode:Odd;x"}'])(
    "that says nothing known (%s) is read by its status",
    (body) => {
      expect(read(body, {}, 503)).toEqual({ meaning: "Transient", status: 503, reason: "HTTP 503" });
    },
  );

  it("tells how long to wait", () => {
    const words = '{"Message":"ErrorCode:ThrottlingBacklogTimeout;Wait 10 seconds and try again."}';
    expect(read(words, {}, 429).retryAfterMs).toBe(10_000);
    expect(read(words, { "retry-after": "3" }, 429).retryAfterMs).toBe(3000);
    expect(read("", { "retry-after": "Sun, 01 Mar 2026 12:00:30 GMT" }, 503).retryAfterMs).toBe(30_000);
    expect(read('{"Message":"wait a while"}', {}, 429).retryAfterMs).toBeUndefined();
  });
});

describe("an answer to a bulk", () => {
  const names = ["a", "b", "c"];
  const fates = (body: unknown) => {
    const read = readBulkResult(body, names);
    if (read === undefined || "failure" in read) return read;
    return names.map((name) => {
      const fate = read.value.get(name);
      return typeof fate === "object" ? fate.meaning : fate;
    });
  };

  it.each([
    [{ isSuccessful: true, errors: [], warnings: [] }, ["done", "done", "done"]],
    [{ isSuccessful: true, errors: null }, ["done", "done", "done"]],
    [
      { isSuccessful: false, errors: [{ deviceId: "b", errorCode: 409001, errorStatus: "x" }] },
      ["done", "Exists", "done"],
    ],
    [
      { isSuccessful: false, errors: [{ deviceId: "b", errorCode: "DeviceAlreadyExists" }] },
      ["done", "Exists", "done"],
    ],
    // One that nobody sent.
    [{ isSuccessful: false, errors: [{ deviceId: "z", errorCode: 409001 }] }, ["done", "done", "done"]],
    // Fault was found with the request, and perhaps none of it done.
    [
      { isSuccessful: false, errors: [{ deviceId: "b", errorCode: 400011 }] },
      ["Transient", "Failed", "Transient"],
    ],
    [{ isSuccessful: false, errors: [] }, ["Transient", "Transient", "Transient"]],
    [
      {
        isSuccessful: false,
        errors: [{ errorCode: 400013 }, { deviceId: "c", errorCode: 403002 }],
      },
      ["Transient", "Transient", "QuotaExceeded"],
    ],
    [
      { isSuccessful: false, errors: [{ deviceId: "a", errorCode: "Odd" }] },
      ["Failed", "Transient", "Transient"],
    ],
    [
      { isSuccessful: true, warnings: [{ deviceId: "a", warningCode: "DeviceRegisteredWithoutTwin" }] },
      ["half", "done", "done"],
    ],
  ])("%j is read device by device", (body, expected) => {
    expect(fates(body)).toEqual(expected);
  });

  it("with one error for all is a failure of all", () => {
    expect(fates({ isSuccessful: false, errors: [{ deviceId: null, errorCode: 413002 }] })).toMatchObject({
      failure: { meaning: "QuotaExceeded" },
    });
  });

  it.each([undefined, null, [], {}, { isSuccessful: "yes" }, { errors: [] }, "text"])(
    "that is none (%j) is not read",
    (body) => {
      expect(fates(body)).toBeUndefined();
    },
  );
});
