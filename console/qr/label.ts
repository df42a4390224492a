import { encode, renderSVG } from "uqr";
import { labelLink } from "../../desk/batch-id.ts";
import { png } from "./png.ts";

/** The quiet zone that the standard asks for, in modules. */
const BORDER = 4;
const SCALE = 10;
/** A label on a reel is scratched: a quarter of it may be lost. */
const ECC = "Q";

/** The QR code of a reel, which opens the phone's page with its batch ID filled in, as a PNG of ten pixels a module. */
export function qrPng(base: URL, batchId: string): Buffer {
  return png(encode(labelLink(batchId, base.href), { ecc: ECC, border: BORDER }).data, SCALE);
}

/** The QR code of a reel, as an SVG. */
export function qrSvg(base: URL, batchId: string): string {
  return renderSVG(labelLink(batchId, base.href), { ecc: ECC, border: BORDER });
}
