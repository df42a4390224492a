import { describe, expect, it } from "vitest";
import { readRequest } from "./requests.ts";

describe("a request of which much is wrong", () => {
  const wrong = (count: number) => readRequest({ action: "provision", certs: Array(count).fill(0) });

  it("is told the first twenty faults, with their places", () => {
    const read = wrong(50);
    const reasons = "reasons" in read ? read.reasons : [];
    expect(reasons).toHaveLength(20);
    expect(reasons.at(-1)).toBe("certs[19]: certs entries must be objects");
    const good = { ref: "a", cert: "QQ==" };
    expect(readRequest({ action: "provision", certs: [good, { ref: "b" }] })).toEqual({
      reasons: ["certs[1]: cert is required"],
    });
  });

  it("costs no more for millions of faults than for twenty", () => {
    const started = performance.now();
    const read = wrong(3_000_000);
    expect("reasons" in read && read.reasons).toHaveLength(20);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it("is told of each part: the action, strange members, and entries", () => {
    expect(readRequest({ action: "info", certs: [{ ref: "a", cert: "QQ==" }] })).toEqual({
      reasons: ["certs is allowed with action provision only"],
    });
    expect(readRequest({ action: "go", certs: [7], more: 1 })).toEqual({
      reasons: [
        "action must be one of info | status | message | provision",
        "more is not allowed",
        "certs[0]: certs entries must be objects",
      ],
    });
  });
});
