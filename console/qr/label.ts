import { encode, renderSVG } from "uqr";
import { png } from "./png.ts";

/** The quiet zone that the standard asks for, in modules. */
const BORDER = 4;
const SCALE = 10;
/** A label on a reel is scratched: a quarter of it may be lost. */
const ECC = "Q";

/** The address that a reel's QR code holds: the phone's page, with the batch ID filled in. */
export function addressOf(base: URL, batchId: string): string {
  const address = new URL("/cloud-id", base);
  address.searchParams.set("groupId", batchId);
  return address.href;
}

/** The QR code of a reel, as a PNG of ten pixels a module. */
export function qrPng(base: URL, batchId: string): Buffer {
  return png(encode(addressOf(base, batchId), { ecc: ECC, border: BORDER }).data, SCALE);
}

/** The QR code of a reel, as an SVG. */
export function qrSvg(base: URL, batchId: string): string {
  return renderSVG(addressOf(base, batchId), { ecc: ECC, border: BORDER });
}
