import { toUtf8 } from "./text.ts";

const SIGNATURES: readonly (readonly [hex: string, name: string])[] = [
  ["377abcaf271c", "a .7z archive within a .7z archive; it must be packed once"],
  ["504b0304", "a .zip archive; it must be the manifest by itself or in a .7z archive"],
  ["1f8b", "a .gz file; it must be the manifest by itself or in a .7z archive"],
  ["fd377a585a00", "an .xz file; it must be the manifest by itself or in a .7z archive"],
  ["52617221", "a .rar archive; it must be the manifest by itself or in a .7z archive"],
  ["25504446", "a PDF file"],
];

/**
 * What a file is that cannot be a CSV manifest, in words that follow "it is"; nothing when it may be one.
 * @param head its first bytes
 */
export function foreignContent(head: Buffer): string | undefined {
  const hex = head.subarray(0, 6).toString("hex");
  const signature = SIGNATURES.find(([start]) => hex.startsWith(start));
  if (signature !== undefined) return signature[1];
  const text = toUtf8(head).toString("utf8").trimStart();
  if (/^<(?:!doctype html|html|head|body|script)/i.test(text)) {
    return "an HTML page, such as a server's error or sign-in page; check the address and the credentials";
  }
  if (text.startsWith("<")) return "an XML document, such as a storage service's error message";
  if (text.startsWith("{") || text.startsWith("[")) return "a JSON document";
  if (text.startsWith("-----BEGIN "))
    return "a PEM file; certificates must stand in rows beside their device ids";
  if (isBinary(text)) return "binary data that is neither CSV nor a .7z archive";
  return undefined;
}

function isBinary(text: string): boolean {
  const start = text.slice(0, 1024);
  const odd = start.match(/(?!\s)[\p{Cc}\uFFFD]/gu)?.length ?? 0;
  return odd > start.length / 20;
}
