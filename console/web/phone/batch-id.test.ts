import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_ID, batchIdOf } from "./batch-id.ts";

describe("what a QR code says", () => {
  it("is a reel's by its groupId, whatever host the label leads to, or by the ID alone", () => {
    expect(batchIdOf("https://cirrent.infineon.com/cloud-id?groupId=D001")).toBe("D001");
    expect(batchIdOf("http://127.0.0.1:8090/cloud-id?groupId=PUMP-45&x=1")).toBe("PUMP-45");
    expect(batchIdOf(" D0010\n")).toBe("D0010");
  });

  it.each([
    "https://example.com/",
    "https://example.com/?groupId=",
    "https://example.com/?groupId=-x",
    "https://example.com/?groupId=a%2Fb",
    "WIFI:S:factory;T:WPA;P:secret;;",
    "http://",
    "javascript:alert(1)",
    "",
  ])("is no reel's: %s", (text) => {
    expect(batchIdOf(text)).toBeUndefined();
  });

  it("never becomes anything but a batch ID", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const id = batchIdOf(text) ?? batchIdOf(`https://x.example/?groupId=${text}`);
        expect(id === undefined || BATCH_ID.test(id)).toBe(true);
      }),
    );
  });
});
