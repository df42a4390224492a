import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { encode } from "uqr";
import { beforeAll, describe, expect, it } from "vitest";
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import { labelLink } from "../../desk/batch-id.ts";
import { qrPng, qrSvg } from "./label.ts";
import { png } from "./png.ts";

const BASE = new URL("https://console.example.com");

describe("the QR code of a reel", () => {
  beforeAll(async () => {
    // Left to itself the reader would look for its other half on the web.
    const file = new URL(import.meta.resolve("zxing-wasm/reader/zxing_reader.wasm"));
    const wasmBinary = new Uint8Array(await readFile(file)).buffer;
    prepareZXingModule({ overrides: { wasmBinary } });
  });

  it("as a PNG is read by the reader that phones are given, and leads to the phone's page", async () => {
    for (const id of ["D001", "PUMP-CONTROLLERS-WEEK-45", "X".repeat(63)]) {
      const [found] = await readBarcodes(qrPng(BASE, id), { formats: ["QRCode"] });
      expect(found?.text).toBe(`https://console.example.com/cloud-id?groupId=${id}`);
    }
  });

  it("as an SVG has the same modules", () => {
    const { data } = encode(labelLink("D001", BASE.href), { ecc: "Q", border: 4 });
    const dark = data.flat().filter(Boolean).length;
    expect(qrSvg(BASE, "D001").match(/h10v10/gu)).toHaveLength(dark);
  });
});

describe("a PNG", () => {
  it("has a line for each row of pixels, and the pixels of each module", () => {
    const file = png(
      [
        [true, false, false],
        [false, false, true],
      ],
      3,
    );
    expect(file.readUInt32BE(16)).toBe(9);
    expect(file.readUInt32BE(20)).toBe(6);
    const length = file.readUInt32BE(33);
    const lines = inflateSync(file.subarray(41, 41 + length));
    expect(lines).toHaveLength(6 * 3);
    expect([...lines.subarray(0, 3)]).toEqual([0, 0b00011111, 0b11111111]);
    expect([...lines.subarray(9, 12)]).toEqual([0, 0b11111100, 0b01111111]);
  });
});
