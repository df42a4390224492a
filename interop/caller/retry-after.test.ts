import { describe, expect, it } from "vitest";
import { readRetryAfter } from "./retry-after.ts";

const now = Date.parse("2026-11-05T10:00:00Z");

describe("Retry-After", () => {
  it.each([
    ["120", 120_000],
    [" 3 ", 3000],
    ["0", 0],
    ["999999999", 3_600_000],
    ["Thu, 05 Nov 2026 10:00:30 GMT", 30_000],
    ["Thu, 05 Nov 2026 09:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%s is %s ms", (header, expected) => {
    expect(readRetryAfter(header, now)).toBe(expected);
  });
});
