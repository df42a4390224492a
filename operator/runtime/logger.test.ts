import { describe, expect, it } from "vitest";

import { ApiError } from "./api-error.ts";
import { recordingLogger } from "./testing/log.ts";

describe("createLogger", () => {
  it("writes what an error says, not what a library has hung on it", () => {
    const { log, lines } = recordingLogger();
    const cause = Object.assign(new Error("connect ECONNREFUSED"), {
      request: { headers: { authorization: "s3cret" } },
    });
    const error = new ApiError("GET /x: cannot reach it", { status: 0, reason: "ConnectionFailed", cause });
    log.error({ err: Object.assign(error, { response: "s3cret" }) }, "failed");
    expect(lines[0]).toMatchObject({
      level: "error",
      msg: "failed",
      err: { type: "ApiError", reason: "ConnectionFailed", status: 0, cause: "connect ECONNREFUSED" },
    });
    expect(JSON.stringify(lines)).not.toContain("s3cret");
  });

  it("hides members that may hold a secret, at the top and one level down", () => {
    const { log, lines } = recordingLogger();
    log.info({
      token: "s3cret",
      user: { password: "s3cret", name: "ada" },
      secret: { data: { key: "s3cret" } },
    });
    expect(JSON.stringify(lines)).not.toContain("s3cret");
    expect(lines[0]).toMatchObject({ user: { name: "ada" } });
  });
});
