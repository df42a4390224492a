const BEGIN = Buffer.from("-----BEGIN CERTIFICATE-----\n");
const END = Buffer.from("-----END CERTIFICATE-----\n");
const LF = 0x0a;
/** Bytes that one line of 64 characters stands for. */
const LINE_BYTES = 48;

/** The two characters of base64 that each twelve bits are, the first one in the low byte. */
const PAIRS = Uint16Array.from({ length: 4096 }, (_, bits) => {
  const [first = 0, second = 0] = Buffer.from(Buffer.from([bits >>> 4, (bits & 15) << 4]).toString("base64"));
  return first | (second << 8);
});

/** Where the text is put together, for all calls; it grows with the largest certificate. */
let scratch = Buffer.allocUnsafeSlow(4096);

/**
 * A certificate as v1 wants it: PEM text (64 columns, a newline at its end), base64-encoded once more.
 * @param der X.509
 */
export function certificateText(der: Uint8Array): string {
  const pem = pemBytes(der.length);
  if (scratch.length < pem) scratch = Buffer.allocUnsafeSlow(pem * 2);
  BEGIN.copy(scratch, 0);
  const end = writeLines(der, scratch, BEGIN.length);
  END.copy(scratch, end);
  return scratch.toString("base64", 0, end + END.length);
}

/** Characters of `certificateText` for so many bytes of DER; all of them are ASCII. */
export function certificateTextLength(derBytes: number): number {
  return base64Length(pemBytes(derBytes));
}

function pemBytes(derBytes: number): number {
  return BEGIN.length + base64Length(derBytes) + Math.ceil(derBytes / LINE_BYTES) + END.length;
}

function base64Length(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}

/** @returns where the lines end */
function writeLines(der: Uint8Array, text: Buffer, from: number): number {
  let to = from;
  for (let start = 0; start < der.length; start += LINE_BYTES) {
    const end = Math.min(start + LINE_BYTES, der.length);
    let at = start;
    for (; at + 3 <= end; at += 3) {
      const bits = ((der[at] ?? 0) << 16) | ((der[at + 1] ?? 0) << 8) | (der[at + 2] ?? 0);
      const high = PAIRS[bits >>> 12] ?? 0;
      const low = PAIRS[bits & 0xfff] ?? 0;
      text[to] = high;
      text[to + 1] = high >>> 8;
      text[to + 2] = low;
      text[to + 3] = low >>> 8;
      to += 4;
    }
    if (at < end) to += text.write(Buffer.from(der.subarray(at, end)).toString("base64"), to, "latin1");
    text[to] = LF;
    to += 1;
  }
  return to;
}
