import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_ID as CRD_BATCH_ID } from "../crds/schema/fields.ts";
import { DUMMY_REELS } from "../tools/factory/index.ts";
import { BATCH_ID, BatchIdError, batchIdFrom, batchIdOf, labelLink } from "./batch-id.ts";

describe("a batch ID", () => {
  it.each([
    ["D001", "D001"],
    ["  d001\n", "d001"],
    ["https://cirrent.infineon.com/cloud-id?groupId=D001", "D001"],
    ["HTTP://console.example.com/cloud-id?x=1&groupId=A-1#top", "A-1"],
    ["http://127.0.0.1:8090/cloud-id?groupId=PUMP-45&x=1", "PUMP-45"],
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
    "https://example.com/?groupId=",
    "https://example.com/?groupId=-x",
    "https://example.com/?groupId=a%2Fb",
    "WIFI:S:factory;T:WPA;P:secret;;",
    "http://",
    "javascript:groupId=D1",
    "ftp://x/?groupId=D1",
  ])("is not found in %j", (given) => {
    expect(() => batchIdFrom(given)).toThrow(BatchIdError);
    expect(batchIdOf(given)).toBeUndefined();
  });

  it("is what the API server takes, whatever it is found in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.stringMatching(/^[A-Z0-9-]{1,65}$/), (text, name) => {
        const id = batchIdOf(text) ?? batchIdOf(`https://x.example/?groupId=${text}`);
        expect(id === undefined || CRD_BATCH_ID.test(id)).toBe(true);
        expect(BATCH_ID.test(name)).toBe(name.length <= 63 && CRD_BATCH_ID.test(name));
      }),
    );
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
