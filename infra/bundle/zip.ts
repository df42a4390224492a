import { crc32, deflateRawSync } from "node:zlib";

/** The first instant that a zip file can say; every entry has it, so that no clock gets into the bytes. */
const DOS_EPOCH = { time: 0, date: 0x21 };
const VERSION = 20;
/** Made on Unix, so that the permissions count. */
const MADE_BY = 0x0300 + VERSION;
const UTF8_NAMES = 0x0800;
const DEFLATED = 8;

/**
 * A zip file (PKWARE APPNOTE 6.3.3, without its extensions) of a few small texts: the same bytes for the same
 * input, since names are sorted and no time is noted.
 */
export function zip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  const names = Object.keys(files).sort();
  for (const name of names) {
    const data = Buffer.from(files[name] ?? "", "utf8");
    const packed = deflateRawSync(data, { level: 9 });
    const path = Buffer.from(name, "utf8");
    const entry = common(data, packed, path.length);
    const local = Buffer.concat([u32(0x04034b50), entry, path, packed]);
    locals.push(local);
    directory.push(
      Buffer.concat([
        u32(0x02014b50),
        u16(MADE_BY),
        entry,
        // No comment, first disk, binary, readable by everybody.
        Buffer.concat([u16(0), u16(0), u16(0), u32(0o100644 * 0x10000), u32(offset)]),
        path,
      ]),
    );
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.concat([
    u32(0x06054b50),
    u16(0),
    u16(0),
    u16(names.length),
    u16(names.length),
    u32(central.length),
    u32(offset),
    u16(0),
  ]);
  return Buffer.concat([...locals, central, end]);
}

/** What a file's header and its entry in the directory both say. */
function common(data: Buffer, packed: Buffer, pathLength: number): Buffer {
  return Buffer.concat([
    u16(VERSION),
    u16(UTF8_NAMES),
    u16(DEFLATED),
    u16(DOS_EPOCH.time),
    u16(DOS_EPOCH.date),
    u32(crc32(data)),
    u32(packed.length),
    u32(data.length),
    u16(pathLength),
    u16(0),
  ]);
}

function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
