import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
// @ts-expect-error esbuild makes an address of it
import address from "zxing-reader.wasm";

prepareZXingModule({ overrides: { locateFile: () => address as string } });

/** What the QR code in a picture says; undefined when there is none. */
export async function readQr(picture: ImageData): Promise<string | undefined> {
  const [found] = await readBarcodes(picture, {
    formats: ["QRCode"],
    maxNumberOfSymbols: 1,
    tryHarder: true,
  });
  return found?.isValid === true ? found.text : undefined;
}
