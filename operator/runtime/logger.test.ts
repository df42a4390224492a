import { describe, expect, it } from "vitest";

import { ApiError } from "./api-error.ts";
import { createLogger, LevelSwitch } from "./logger.ts";
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

  it("changes the level of a logger and of its children while they are in use", () => {
    const written: string[] = [];
    const level = new LevelSwitch("info");
    const log = createLogger({ level }, { write: (line) => void written.push(line) });
    const child = log.child({ module: "child" });
    const say = (): number => {
      written.length = 0;
      for (const each of [log, child, child.child({ deeper: true })]) {
        each.debug("d");
        each.info("i");
        each.error("e");
      }
      return written.length;
    };
    expect(say()).toBe(6);
    level.set("debug");
    expect(say()).toBe(9);
    level.set("error");
    expect(say()).toBe(3);
    level.set("silent");
    expect(say()).toBe(0);
  });
});
