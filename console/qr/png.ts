import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const GREYSCALE = 0;

/**
 * A black and white PNG, one bit a pixel (RFC 2083).
 * @param rows equally long rows of modules, true for black
 * @param scale pixels a module
 */
export function png(rows: readonly (readonly boolean[])[], scale: number): Buffer {
  const width = (rows[0]?.length ?? 0) * scale;
  const bytes = Math.ceil(width / 8);
  const lines: Buffer[] = [];
  for (const row of rows) {
    // The first byte says that the line is not filtered; a set bit is white.
    const line = Buffer.alloc(1 + bytes, 0xff);
    line[0] = 0;
    for (let x = 0; x < width; x += 1) {
      if (row[Math.floor(x / scale)] !== true) continue;
      const at = 1 + (x >> 3);
      line[at] = (line[at] ?? 0) & ~(0x80 >> (x & 7));
    }
    for (let copy = 0; copy < scale; copy += 1) lines.push(line);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(rows.length * scale, 4);
  head[8] = 1;
  head[9] = GREYSCALE;
  const data = deflateSync(Buffer.concat(lines), { level: 9 });
  return Buffer.concat([SIGNATURE, chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
