const COMMA = 0x2c;
const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts CSV of three columns (RFC 4180) into fields, in place: a field is a view of the chunk. A quoted field
 * with doubled quotation marks is not taken apart further; no certificate and no id holds one.
 */
export class CsvCutter {
  #rest: Buffer = Buffer.alloc(0);

  /** @param row is given each whole row's fields; they are gone when it returns. @throws Error on bad framing */
  push(chunk: Buffer, last: boolean, row: (fields: readonly [Buffer, Buffer, Buffer]) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < bytes.length) {
      const next = this.#row(bytes, at, last, row);
      if (next < 0) break;
      at = next;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    if (last && this.#rest.length > 0) throw new Error("the manifest breaks off within a row");
  }

  /** @returns where the next row begins; -1 when this one is not whole yet */
  #row(
    bytes: Buffer,
    from: number,
    last: boolean,
    row: (fields: readonly [Buffer, Buffer, Buffer]) => void,
  ): number {
    const fields: Buffer[] = [];
    let at = from;
    for (;;) {
      let end: number;
      if (bytes[at] === QUOTE) {
        end = closingQuote(bytes, at + 1);
        if (end < 0 || (end + 1 === bytes.length && !last)) return -1;
        fields.push(bytes.subarray(at + 1, end));
        end += 1;
      } else {
        end = at;
        while (end < bytes.length && bytes[end] !== COMMA && bytes[end] !== LINE_FEED) end += 1;
        if (end === bytes.length && !last) return -1;
        const until = bytes[end - 1] === CARRIAGE_RETURN && bytes[end] === LINE_FEED ? end - 1 : end;
        fields.push(bytes.subarray(at, until));
      }
      if (bytes[end] === COMMA) {
        at = end + 1;
        continue;
      }
      if (bytes[end] === CARRIAGE_RETURN) end += 1;
      if (end < bytes.length && bytes[end] !== LINE_FEED)
        throw new Error("text follows a closing quotation mark");
      const [first, second, third, more] = fields;
      if (first === undefined || second === undefined || third === undefined || more !== undefined) {
        throw new Error("a row has not three fields");
      }
      row([first, second, third]);
      return end + 1;
    }
  }
}

function closingQuote(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(QUOTE, from);
  while (at >= 0 && bytes[at + 1] === QUOTE) at = bytes.indexOf(QUOTE, at + 2);
  return at;
}
