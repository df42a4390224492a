export const LF = 0x0a;
export const CR = 0x0d;

/** Line ends in the bytes: LF, CR LF, and CR by itself. */
export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === LF || (byte === CR && bytes[at + 1] !== LF)) lines += 1;
  }
  return lines;
}

/** How many of the first bytes are empty lines; where `whole`, nothing follows the bytes. */
export function emptyLines(bytes: Buffer, whole: boolean): number {
  let at = 0;
  while (bytes[at] === LF || bytes[at] === CR) at += 1;
  // A CR at the very end may be half of a line end.
  return !whole && at === bytes.length && bytes[at - 1] === CR ? at - 1 : at;
}

/** How long the first line is, with its end; -1 if it is not there whole. */
export function firstLine(bytes: Buffer, whole: boolean): number {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === LF) return at + 1;
    if (byte !== CR) continue;
    if (at + 1 === bytes.length && !whole) return -1;
    return bytes[at + 1] === LF ? at + 2 : at + 1;
  }
  return whole && bytes.length > 0 ? bytes.length : -1;
}
