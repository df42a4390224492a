import { describe, expect, it } from "vitest";
import { DUMMY_REELS } from "../tools/factory/index.ts";
import { BatchIdError, batchIdFrom, labelLink } from "./batch-id.ts";

describe("a batch ID", () => {
  it.each([
    ["D001", "D001"],
    ["  d001\n", "d001"],
    ["https://cirrent.infineon.com/cloud-id?groupId=D001", "D001"],
    ["HTTP://console.example.com/cloud-id?x=1&groupId=A-1#top", "A-1"],
  ])("is found in %j", (given, batchId) => {
    expect(batchIdFrom(given)).toBe(batchId);
  });

  it.each([
    "",
    "-D001",
    "D 001",
    "D001-",
    "a".repeat(64),
    "https://example.com/",
    "https://example.com/?groupId=%20",
    "javascript:groupId=D1",
    "ftp://x/?groupId=D1",
  ])("is not found in %j", (given) => {
    expect(() => batchIdFrom(given)).toThrow(BatchIdError);
  });

  it("comes back from the link of its QR code, also of the vendor's labels", () => {
    for (const { qrText } of DUMMY_REELS) expect(labelLink(batchIdFrom(qrText))).toBe(qrText);
    expect(labelLink("D001", "https://console.example.com/factory/")).toBe(
      "https://console.example.com/factory/cloud-id?groupId=D001",
    );
    for (const base of ["console.example.com", "ftp://x", "https://kim:secret@x"]) {
      expect(() => labelLink("D001", base)).toThrow(BatchIdError);
    }
  });
});
